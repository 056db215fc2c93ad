import {
  type Clock,
  clusterBucket,
  HoldfastError,
  type KeyValue,
  limits,
  type Random,
} from "@holdfast/core";
import { type AuthorityKey, createAuthorityKey } from "../certificates/authority-key.ts";
import { invalidCertificate } from "../certificates/identity.ts";
import { type CertificateSubject, issueCertificate } from "../certificates/issue-certificate.ts";
import { codeOf, updateExpecting } from "../expected-write.ts";
import {
  afterStep,
  type AuthorityState,
  type AuthorityStep,
  checkStep,
  decodeState,
  encodeState,
  firstState,
} from "./authority-state.ts";
import { deleteAbandonedKeys, loadKey, storeKey } from "./private-keys.ts";

/**
 * The cluster's certificate authority, on store nodes. Nothing is remembered between calls but keys,
 * which never change: every call reads the state from the engine's leader, so that a node that was cut
 * off does not sign with a key that nobody trusts any more.
 *
 * A rotation is `begin`, `sign` when all nodes trust the new key, `retire` when all hold certificates of
 * it. Who calls waits for the nodes in between; nothing here knows them. Errors of all: those of
 * KeyValue, `data_corrupt`.
 */
export interface Authority {
  /**
   * A certificate of the active key. Should the key change meanwhile, it is of the one before: the node
   * renews it, as every other, when it sees the new generation. Errors: `certificate_invalid`.
   */
  issue(request: CertificateRequest): Promise<IssuedCertificate>;
  state(): Promise<AuthorityState>;
  /** PEMs of the authorities that are trusted now, the signing one first. */
  bundle(): Promise<readonly string[]>;
  /** Adds a new key that is trusted and does not sign yet. Errors: `authority_phase`. */
  begin(): Promise<AuthorityState>;
  /** The new key signs from now on. Errors: `authority_phase`. */
  sign(): Promise<AuthorityState>;
  /** The key that does not sign is no longer trusted, and destroyed. Errors: `authority_phase`. */
  retire(): Promise<AuthorityState>;
  /** The old key signs again; the new one stays trusted if it has signed. Errors: `authority_phase`. */
  rollback(): Promise<AuthorityState>;
}

export interface CertificateRequest {
  readonly csrPem: string;
  readonly subject: CertificateSubject;
  /** In place of `limits.certificateLifetimeMs`. */
  readonly lifetimeMs?: number;
}

export interface IssuedCertificate {
  readonly certificatePem: string;
  /** The authority that signed it; presented after it. */
  readonly authorityPem: string;
  readonly bundle: readonly string[];
  readonly generation: number;
}

export interface AuthorityDependencies {
  readonly keyValue: KeyValue;
  readonly clock: Clock;
  readonly random: Random;
  /** The id of a cluster whose authority is made now; without it one is made up. */
  readonly cluster?: string;
  /**
   * The key of an authority that is made now, in place of a new one. The first node needs it before there
   * is a store: its engine does not start without certificates. Not looked at when there is an authority.
   */
  readonly initial?: AuthorityKey;
}

/** The key of the public part in the bucket `cluster`. */
export const authorityKey = "authority";

interface Current {
  readonly state: AuthorityState;
  readonly revision: number;
}

/**
 * Opens the cluster's authority, and makes it if there is none; when several nodes do that at once, all
 * end with the same. Errors: those of KeyValue, `data_corrupt`, `invalid_configuration` (the store
 * belongs to another cluster than `cluster`).
 */
export async function openAuthority(dependencies: AuthorityDependencies): Promise<Authority> {
  const { keyValue, clock } = dependencies;
  const keys = new Map<string, AuthorityKey>();
  const found = (await read(keyValue)) ?? (await establish(dependencies));
  const { cluster } = found.state;
  if (dependencies.cluster !== undefined && dependencies.cluster !== cluster) {
    throw new HoldfastError(
      "invalid_configuration",
      `The store belongs to the cluster ${cluster}, not to ${dependencies.cluster}.`,
    );
  }
  await deleteAbandonedKeys(keyValue, found.state, found.revision);

  async function current(): Promise<Current> {
    const now = await read(keyValue);
    if (now) return now;
    throw new HoldfastError("data_corrupt", "The public part of the cluster's authority is gone.");
  }

  /** The state, and the key that it says is active. */
  async function signer(): Promise<{ state: AuthorityState; key: AuthorityKey }> {
    for (let tries = 1; tries <= limits.authorityChangeAttempts; tries += 1) {
      const { state } = await current();
      const key = keys.get(state.active) ?? (await loadKey(keyValue, state.active));
      // Without it the key was retired between the two reads: the state must have changed.
      if (key) {
        for (const old of keys.keys()) if (!isNamed(state, old)) keys.delete(old);
        keys.set(key.fingerprint, key);
        return { state, key };
      }
    }
    throw new HoldfastError("data_corrupt", "The private key of the cluster's authority is gone.");
  }

  async function change(step: AuthorityStep): Promise<AuthorityState> {
    for (let tries = 1; ; tries += 1) {
      const { state, revision } = await current();
      checkStep(state, step);
      const fresh = step === "begin" ? await createAuthorityKey(cluster, clock) : undefined;
      if (fresh) await storeKey(keyValue, fresh, revision);
      const after = afterStep(state, step, fresh);
      try {
        const written = await write(dependencies, after, revision);
        await deleteAbandonedKeys(keyValue, after, written);
        return after;
      } catch (thrown) {
        const isBeaten = codeOf(thrown) === "revision_conflict";
        if (!isBeaten || tries >= limits.authorityChangeAttempts) throw thrown;
      }
    }
  }

  return {
    async issue({ csrPem, subject, lifetimeMs }) {
      if (subject.cluster !== cluster) {
        throw invalidCertificate(`This is the authority of ${cluster}, not of ${subject.cluster}.`);
      }
      const { state, key } = await signer();
      return {
        certificatePem: await issueCertificate(key, csrPem, subject, clock, lifetimeMs),
        authorityPem: key.certificatePem,
        bundle: state.bundle,
        generation: state.generation,
      };
    },
    state: async () => (await current()).state,
    bundle: async () => (await current()).state.bundle,
    begin: () => change("begin"),
    sign: () => change("sign"),
    retire: () => change("retire"),
    rollback: () => change("rollback"),
  };
}

/** Makes the cluster's first key, or finds the one of who was faster. */
async function establish(dependencies: AuthorityDependencies): Promise<Current> {
  const { keyValue, clock, random } = dependencies;
  const cluster = dependencies.cluster ?? `hf-${random.token(16)}`;
  const { initial } = dependencies;
  const key = initial ?? (await createAuthorityKey(cluster, clock));
  // A start that was cut short may have stored the given one already.
  const isStored = initial && (await loadKey(keyValue, key.fingerprint));
  if (!isStored) await storeKey(keyValue, key, 0);
  const state = firstState(cluster, key);
  try {
    return { state, revision: await write(dependencies, state, 0) };
  } catch (thrown) {
    const faster = codeOf(thrown) === "revision_conflict" ? await read(keyValue) : undefined;
    if (!faster) throw thrown;
    return faster;
  }
}

async function read(keyValue: KeyValue): Promise<Current | undefined> {
  const entry = await keyValue.get(clusterBucket, authorityKey);
  return entry && { state: decodeState(entry.value), revision: entry.revision };
}

function write(
  { keyValue, random }: AuthorityDependencies,
  state: AuthorityState,
  revision: number,
): Promise<number> {
  const value = encodeState(state, random.token(20));
  return updateExpecting(keyValue, clusterBucket, authorityKey, value, revision);
}

function isNamed({ active, next, previous }: AuthorityState, fingerprint: string): boolean {
  return [active, next, previous].includes(fingerprint);
}
