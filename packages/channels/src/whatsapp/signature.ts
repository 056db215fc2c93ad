import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** In the same time whatever the texts are: their hashes are compared. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(hash(given), hash(expected));
}

/** `header` is X-Hub-Signature-256: the HMAC-SHA256 of the raw body with the app's secret. */
export function isSignedBy(
  appSecret: string,
  body: Uint8Array,
  header: string | undefined,
): boolean {
  const expected = `sha256=${createHmac("sha256", appSecret).update(body).digest("hex")}`;
  return isSameSecret(header ?? "", expected) && header !== undefined;
}

function hash(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
