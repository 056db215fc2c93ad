import { createHmac, timingSafeEqual } from "node:crypto";
import { hashOfSecret, type JoinTokenRecord } from "./join-token-record.ts";
import type { JoinToken } from "./join-token-text.ts";

/** Shows that whoever wrote a message holds a join token, without its secret on the wire. */
export interface JoinProof {
  /** Of the token. */
  readonly id: string;
  readonly message: string;
  /** HMAC-SHA-256 of the message, 64 characters of lower-case hex. */
  readonly mac: string;
}

/** The proof's `mac` at the joining side. */
export function proveJoin({ secret }: JoinToken, message: string): string {
  return macOf(hashOfSecret(secret), "request", message);
}

/** Whether an answer was written by a store node that knows the token, and to this very request. */
export function isProvenAnswer(
  { secret }: JoinToken,
  requestMac: string,
  message: string,
  mac: string,
): boolean {
  return isSame(mac, macOf(hashOfSecret(secret), `answer ${requestMac}`, message));
}

export function proveAnswer(record: JoinTokenRecord, requestMac: string, message: string): string {
  return macOf(record.hash, `answer ${requestMac}`, message);
}

export function isProvenRequest(record: JoinTokenRecord, { message, mac }: JoinProof): boolean {
  // A damaged record would be a key that anybody can guess.
  const isKey = /^[0-9a-f]{64}$/.test(record.hash);
  return isKey && isSame(mac, macOf(record.hash, "request", message));
}

/** What it is for is part of the text: an answer's is never taken for a request's. */
function macOf(hashHex: string, purpose: string, message: string): string {
  const key = Buffer.from(hashHex, "hex");
  return createHmac("sha256", key).update(`holdfast join ${purpose}\n${message}`).digest("hex");
}

/** In constant time. */
function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
