import { hash } from "node:crypto";
import { HoldfastError, limits } from "@holdfast/core";
import type { Clock, KeyChange, KeyValue, Random } from "@holdfast/core";

/**
 * Bearer tokens of people and programs.
 *
 * Only the SHA-256 of a token is stored, and it is the key of its record: what an attacker reads from
 * the store opens nothing, and a look-up compares hashes, so its timing tells nothing about a token.
 * Tokens carry 40 random characters (206 bits), which is why one round of a fast hash is enough.
 */
export interface Tokens {
  /** The record of a token, or undefined for one that is unknown or revoked. Never waits. */
  find(token: string): TokenRecord | undefined;
  /** The only moment at which a token can be read. Errors: those of KeyValue, `invalid_request`. */
  create(spec: NewToken): Promise<CreatedToken>;
  /**
   * Makes a token known whose text was chosen elsewhere; a known one only takes the name. Undefined for an
   * administrator's token that was revoked: it never becomes known again.
   */
  adopt(token: string, spec: NewToken): Promise<TokenRecord | undefined>;
  /** The records of an organization, or with null of the administrators; oldest first. */
  list(organization: string | null): readonly TokenRecord[];
  /** Ends a token at once on this node, and elsewhere when the change arrives. Errors: `token_not_found`. */
  revoke(organization: string | null, id: string): Promise<void>;
  /** Ends every token of an organization. */
  revokeAll(organization: string): Promise<void>;
  close(): Promise<void>;
}

export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  /** Null for an administrator, who reaches every organization. */
  readonly organization: string | null;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** In place of `limits.requestsPerSecondPerToken`. */
  readonly requestsPerSecond?: number;
}

export interface NewToken {
  readonly name: string;
  readonly organization: string | null;
  readonly requestsPerSecond?: number;
}

export interface CreatedToken {
  readonly token: string;
  readonly record: TokenRecord;
}

export interface TokensDependencies {
  readonly keyValue: KeyValue;
  readonly random: Random;
  readonly clock: Clock;
}

const bucket = "tokens";
/** Stands in the place of an administrator's token that was revoked. */
const revokedMark = new TextEncoder().encode(JSON.stringify({ revoked: true }));
const tokenPattern = /^hf_[0-9a-z]{40}$/;

/** Reads the records and follows their changes. */
export async function createTokens(dependencies: TokensDependencies): Promise<Tokens> {
  const { keyValue, random, clock } = dependencies;
  const records = new TokenTable();
  const watch = await keyValue.watch(bucket, "", (change) => records.follow(change));

  async function store(token: string, spec: NewToken): Promise<TokenRecord> {
    if (records.list(spec.organization).length >= limits.tokensPerOrganization) {
      throw new HoldfastError(
        "invalid_request",
        `There are ${limits.tokensPerOrganization} tokens already: revoke one first.`,
      );
    }
    const record: TokenRecord = {
      id: `tok_${random.token(16)}`,
      name: spec.name,
      organization: spec.organization,
      createdAt: clock.now(),
      ...(spec.requestsPerSecond === undefined
        ? {}
        : { requestsPerSecond: spec.requestsPerSecond }),
    };
    const key = sha256(token);
    await keyValue.put(bucket, key, encoded(record));
    records.add(key, record);
    return record;
  }

  async function revokeKeys(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await keyValue.delete(bucket, key);
      records.remove(key);
    }
  }

  /** The text may still stand in the folder of a node, which adopts it at its next start. */
  async function revokeForGood(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await keyValue.put(bucket, key, revokedMark);
      records.remove(key);
    }
  }

  return {
    find: (token) => records.find(token),
    list: (organization) => records.list(organization),
    close: () => watch.close(),
    async create(spec) {
      const token = `hf_${random.token(40)}`;
      return { token, record: await store(token, spec) };
    },
    async adopt(token, spec) {
      if (!tokenPattern.test(token)) {
        throw new HoldfastError("invalid_request", "A token is hf_ and 40 characters of 0-9 a-z.");
      }
      const key = sha256(token);
      const known = records.find(token);
      if (known && (known.name === spec.name || known.organization !== null)) return known;
      const stored = await keyValue.get(bucket, key);
      if (stored && isRevokedMark(stored.value)) return undefined;
      if (known && stored) {
        const renamed = { ...known, name: spec.name };
        // Never over a revocation that came meanwhile.
        await keyValue.update(bucket, key, encoded(renamed), stored.revision);
        records.add(key, renamed);
        return renamed;
      }
      return store(token, spec);
    },
    async revoke(organization, id) {
      const keys = records.keysOf(organization, id);
      if (keys.length === 0) throw new HoldfastError("token_not_found", `No token ${id} is found.`);
      await (organization === null ? revokeForGood(keys) : revokeKeys(keys));
    },
    revokeAll: (organization) => revokeKeys(records.keysOf(organization)),
  };
}

/** Records by hash, and a bounded cache from the texts of known tokens to their hashes. */
class TokenTable {
  readonly #records = new Map<string, TokenRecord>();
  readonly #hashes = new Map<string, string>();
  /** Revoked here, while the watch may still bring the older write. */
  readonly #revoked = new Set<string>();

  find(token: string): TokenRecord | undefined {
    const known = this.#hashes.get(token);
    if (known !== undefined) return this.#records.get(known);
    if (!tokenPattern.test(token)) return undefined;
    const key = sha256(token);
    const record = this.#records.get(key);
    // Only tokens that exist are remembered, so that guesses do not fill the cache.
    if (record !== undefined) {
      if (this.#hashes.size >= limits.tokenCacheEntries) this.#hashes.clear();
      this.#hashes.set(token, key);
    }
    return record;
  }

  add(key: string, record: TokenRecord): void {
    this.#revoked.delete(key);
    this.#records.set(key, record);
  }

  remove(key: string): void {
    if (this.#records.delete(key)) this.#revoked.add(key);
  }

  follow(change: KeyChange): void {
    if (change.value === undefined || isRevokedMark(change.value)) {
      this.#revoked.delete(change.key);
      this.#records.delete(change.key);
    } else if (!this.#revoked.has(change.key)) {
      const record = parseRecord(change.value);
      // Nothing but the name ever changes: otherwise the record stays, and with it its rate limit.
      if (record === undefined || this.#records.get(change.key)?.name === record.name) return;
      this.#records.set(change.key, record);
    }
  }

  list(organization: string | null): TokenRecord[] {
    return [...this.#records.values()]
      .filter((record) => record.organization === organization)
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  }

  keysOf(organization: string | null, id?: string): string[] {
    return [...this.#records]
      .filter(([, record]) => record.organization === organization)
      .filter(([, record]) => id === undefined || record.id === id)
      .map(([key]) => key);
  }
}

function encoded(record: TokenRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(record));
}

function isRevokedMark(value: Uint8Array): boolean {
  return Buffer.compare(value, revokedMark) === 0;
}

/** An unreadable record opens nothing: undefined. */
function parseRecord(value: Uint8Array): TokenRecord | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(value));
  } catch {
    return undefined;
  }
  const record = parsed as Partial<TokenRecord> | null;
  const sound =
    typeof record?.id === "string" &&
    typeof record.name === "string" &&
    typeof record.createdAt === "number" &&
    (record.organization === null || typeof record.organization === "string");
  return sound ? (record as TokenRecord) : undefined;
}

function sha256(text: string): string {
  return hash("sha256", text, "hex");
}
