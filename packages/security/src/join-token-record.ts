import { hash } from "node:crypto";
import type { KeyEntry, NodeRole } from "@holdfast/core";

/** What is stored of a join token: not its text. */
export interface JoinTokenRecord {
  readonly cluster: string;
  /** SHA-256 of the secret, hex. Proofs are keyed with it: who reads the authority's keys reads it too. */
  readonly hash: string;
  readonly role?: NodeRole;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Who used it: a caller's claim, or a text that only one call knows. */
  readonly usedBy?: string;
}

export interface StoredJoinToken {
  readonly id: string;
  readonly record: JoinTokenRecord;
  readonly revision: number;
}

/** The prefix of the keys in the bucket `authority`. */
export const joinTokenKeys = "join";
export const joinTokenKey = (id: string): string => `${joinTokenKeys}.${id}`;

/** An unreadable record lets nobody in: undefined. */
export function parseStoredToken({ key, value, revision }: KeyEntry): StoredJoinToken | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(value));
  } catch {
    return undefined;
  }
  const record = parsed as Partial<JoinTokenRecord> | null;
  const isSound =
    typeof record?.cluster === "string" &&
    typeof record.hash === "string" &&
    (record.role === undefined || record.role === "store" || record.role === "compute") &&
    typeof record.createdAt === "number" &&
    typeof record.expiresAt === "number" &&
    (record.usedBy === undefined || typeof record.usedBy === "string");
  if (!isSound) return undefined;
  const id = key.slice(joinTokenKeys.length + 1);
  return { id, record: record as JoinTokenRecord, revision };
}

export function hashOfSecret(secret: string): string {
  return hash("sha256", secret, "hex");
}
