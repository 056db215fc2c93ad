import {
  type Clock,
  encodeJson,
  HoldfastError,
  type KeyValue,
  limits,
  type NodeRole,
  type Random,
} from "@holdfast/core";
import { authorityBucket } from "./authority/private-keys.ts";
import { codeOf, updateExpecting } from "./expected-write.ts";
import { isProvenRequest, type JoinProof, proveAnswer } from "./join-proof.ts";
import {
  hashOfSecret,
  joinTokenKey,
  joinTokenKeys,
  type JoinTokenRecord,
  parseStoredToken,
  type StoredJoinToken,
} from "./join-token-record.ts";
import { invalidJoinToken, joinSecretLength, joinTokenText } from "./join-token-text.ts";

/**
 * Tokens that let one new node in each, for ten minutes on the wall clock of the store node that is
 * asked. Only the SHA-256 of the secret is stored. Errors of all: those of KeyValue.
 */
export interface JoinTokens {
  /** The only moment at which the token can be read. Errors: `invalid_request`, `node_busy` (too many). */
  create(spec: NewJoinToken): Promise<CreatedJoinToken>;
  /**
   * Whether a proof is of a token that is stored, whatever its state: whoever shows it may be told more.
   * Unknown and wrong look alike. Errors: `join_token_invalid`.
   */
  authenticate(proof: JoinProof): Promise<AuthenticatedJoin>;
  /**
   * Uses a token up; of any number of callers one succeeds. A caller that gives a `claim` succeeds again
   * with the same one, until the token expires: a node whose answer was lost asks again. So the claim
   * must be worthless to anybody else, and name all that is let in: the hash of the node's name, its role
   * and the keys that it wants certified is. When it ends with `append_outcome_unknown` the token may be
   * used up. Errors: `join_token_invalid`, `join_token_expired`, `join_token_used`, `join_token_role`.
   */
  redeem(proof: JoinProof, joining: Joining): Promise<RedeemedJoinToken>;
  /** Those that are stored, oldest first; expired ones stand there until another is created. */
  list(): Promise<readonly JoinTokenInfo[]>;
  /** Errors: `token_not_found`. */
  revoke(id: string): Promise<void>;
}

export interface NewJoinToken {
  readonly cluster: string;
  /** Of the authority that the new node is to trust. */
  readonly fingerprint: string;
  /** https addresses of store nodes' APIs. */
  readonly urls: readonly string[];
  /** Lets in nodes of this role only; absent: of any. */
  readonly role?: NodeRole;
}

export interface CreatedJoinToken {
  readonly token: string;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface Joining {
  readonly role: NodeRole;
  readonly claim?: string;
}

export interface AuthenticatedJoin {
  /** The role that the token is bound to. */
  readonly role?: NodeRole;
  /** A mac by which the other side knows that the answer to its request is of a store node. */
  prove(message: string): string;
}

export interface RedeemedJoinToken {
  readonly id: string;
  readonly cluster: string;
}

export interface JoinTokenInfo {
  readonly id: string;
  readonly role?: NodeRole;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly state: "open" | "used" | "expired";
}

export interface JoinTokensDependencies {
  readonly keyValue: KeyValue;
  readonly random: Random;
  readonly clock: Clock;
}

export function createJoinTokens(dependencies: JoinTokensDependencies): JoinTokens {
  const { keyValue, random, clock } = dependencies;
  const hasExpired = ({ record }: StoredJoinToken) => clock.now() >= record.expiresAt;

  async function all(): Promise<StoredJoinToken[]> {
    const found: StoredJoinToken[] = [];
    for await (const entry of keyValue.list(authorityBucket, joinTokenKeys)) {
      const stored = parseStoredToken(entry);
      if (stored) found.push(stored);
    }
    return found;
  }

  /** Deletes the expired ones. Errors: `node_busy` when as many as may be are left. */
  async function makeRoom(): Promise<void> {
    const stored = await all();
    for (const each of stored.filter(hasExpired)) {
      await keyValue.delete(authorityBucket, joinTokenKey(each.id));
    }
    const left = stored.filter((each) => !hasExpired(each));
    if (left.length < limits.joinTokens) return;
    const firstEnd = Math.min(...left.map(({ record }) => record.expiresAt));
    throw new HoldfastError(
      "node_busy",
      `There are ${left.length} join tokens; they expire after ten minutes each.`,
      { retryAfterMs: Math.max(1, firstEnd - clock.now()) },
    );
  }

  /** The record of a token that the proof is of. Errors: `join_token_invalid`. */
  async function authenticated(proof: JoinProof): Promise<StoredJoinToken> {
    const isId = isTokenId(proof.id);
    const entry = isId && (await keyValue.get(authorityBucket, joinTokenKey(proof.id)));
    const stored = entry ? parseStoredToken(entry) : undefined;
    // Unknown and wrong look alike, so that ids cannot be tried out.
    if (stored && isProvenRequest(stored.record, proof)) return stored;
    throw invalidJoinToken("The join token is unknown or was revoked.");
  }

  return {
    async create({ cluster, fingerprint, urls, role }) {
      const id = random.token(16);
      const secret = random.token(joinSecretLength);
      const token = joinTokenText({ cluster, fingerprint, urls, id, secret });
      await makeRoom();
      const createdAt = clock.now();
      const record: JoinTokenRecord = {
        cluster,
        hash: hashOfSecret(secret),
        ...(role === undefined ? {} : { role }),
        createdAt,
        expiresAt: createdAt + limits.joinTokenLifetimeMs,
      };
      await updateExpecting(keyValue, authorityBucket, joinTokenKey(id), encodeJson(record), 0);
      return { token, id, expiresAt: record.expiresAt };
    },

    async authenticate(proof) {
      const { record } = await authenticated(proof);
      return {
        ...(record.role === undefined ? {} : { role: record.role }),
        prove: (message) => proveAnswer(record, proof.mac, message),
      };
    },

    async redeem(proof, { role, claim }) {
      const { id } = proof;
      const mark = claim === undefined ? `once:${random.token(20)}` : `claim:${claim}`;
      for (;;) {
        const stored = await authenticated(proof);
        const { record, revision } = stored;
        checkUsable(stored, hasExpired(stored), role, mark);
        if (record.usedBy === mark) return { id, cluster: record.cluster };
        const used = encodeJson({ ...record, usedBy: mark });
        try {
          await updateExpecting(keyValue, authorityBucket, joinTokenKey(id), used, revision);
          return { id, cluster: record.cluster };
        } catch (thrown) {
          // Somebody was faster. A record changes once, so the next look is the last: it is used, or gone.
          if (codeOf(thrown) !== "revision_conflict") throw thrown;
        }
      }
    },

    async list() {
      const stored = await all();
      return stored
        .map((each) => info(each, hasExpired(each)))
        .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    },

    async revoke(id) {
      if (!isTokenId(id) || !(await keyValue.get(authorityBucket, joinTokenKey(id)))) {
        throw new HoldfastError("token_not_found", `No join token ${id.slice(0, 80)} is found.`);
      }
      await keyValue.delete(authorityBucket, joinTokenKey(id));
    },
  };
}

function isTokenId(id: string): boolean {
  return /^[0-9a-z]{16}$/.test(id);
}

function checkUsable(
  { record }: StoredJoinToken,
  isExpired: boolean,
  role: NodeRole,
  mark: string,
): void {
  if (record.usedBy !== undefined && record.usedBy !== mark) {
    throw new HoldfastError("join_token_used", "The join token has let a node in already.");
  }
  if (isExpired) {
    throw new HoldfastError("join_token_expired", "The join token has expired; make a new one.");
  }
  if (record.role !== undefined && record.role !== role) {
    throw new HoldfastError(
      "join_token_role",
      `The join token is for ${record.role} nodes, not for ${role} nodes.`,
    );
  }
}

function info({ id, record }: StoredJoinToken, isExpired: boolean): JoinTokenInfo {
  const { role, createdAt, expiresAt, usedBy } = record;
  return {
    id,
    ...(role === undefined ? {} : { role }),
    createdAt,
    expiresAt,
    state: usedBy !== undefined ? "used" : isExpired ? "expired" : "open",
  };
}
