import { decodeJson, encodeJson, HoldfastError, type KeyValue } from "@holdfast/core";
import type { AuthorityKey } from "../certificates/authority-key.ts";
import { certificateFingerprint } from "../certificates/read-certificate.ts";
import { codeOf, updateExpecting } from "../expected-write.ts";
import type { AuthorityState } from "./authority-state.ts";

/** Readable by store nodes only. */
export const authorityBucket = "authority";

const prefix = "key";
const keyOf = (fingerprint: string) => `${prefix}.${fingerprint}`;

/**
 * A private key is stored before the public part that names it. `basedOn` is the revision of the public
 * part that its writer saw (0: none) and means to replace by compare-and-set. That tells keys that
 * nobody will ever name from those about to be named: once the public part has a higher revision than
 * that, the writer's compare-and-set can only fail.
 */
interface StoredKey extends AuthorityKey {
  readonly basedOn: number;
}

/** Errors: those of KeyValue. */
export async function storeKey(
  keyValue: KeyValue,
  key: AuthorityKey,
  basedOn: number,
): Promise<void> {
  const stored: StoredKey = { ...key, basedOn };
  const name = keyOf(key.fingerprint);
  await updateExpecting(keyValue, authorityBucket, name, encodeJson(stored), 0);
}

/** Undefined when it is not there (any more). Errors: those of KeyValue, `data_corrupt`. */
export async function loadKey(
  keyValue: KeyValue,
  fingerprint: string,
): Promise<AuthorityKey | undefined> {
  const entry = await keyValue.get(authorityBucket, keyOf(fingerprint));
  if (!entry) return undefined;
  const stored = decodeJson<Partial<StoredKey> | null>(entry.value, `The key ${entry.key}`);
  const { certificatePem = "", privateKeyPem } = stored ?? {};
  if (typeof privateKeyPem === "string" && certificateFingerprint(certificatePem) === fingerprint) {
    return { certificatePem, privateKeyPem, fingerprint };
  }
  throw new HoldfastError(
    "data_corrupt",
    `The key ${entry.key} holds another key than its name says.`,
  );
}

/**
 * Deletes the private keys that the public part of this revision does not name and none that comes can.
 * What cannot be deleted now is found the next time, so the engine's errors are not the caller's.
 */
export async function deleteAbandonedKeys(
  keyValue: KeyValue,
  { active, next, previous }: AuthorityState,
  revision: number,
): Promise<void> {
  const named = [active, next, previous].filter((key) => key !== undefined).map(keyOf);
  try {
    for await (const entry of keyValue.list(authorityBucket, prefix)) {
      if (named.includes(entry.key)) continue;
      const { basedOn } = decodeJson<StoredKey>(entry.value, `The key ${entry.key}`);
      if (basedOn < revision) await keyValue.delete(authorityBucket, entry.key, entry.revision);
    }
  } catch (thrown) {
    if (codeOf(thrown) === undefined) throw thrown;
  }
}
