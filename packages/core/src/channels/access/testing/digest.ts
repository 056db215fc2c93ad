import { createHash } from "node:crypto";

/** As a node's own; also of texts that are no Unicode. */
export function testDigest(text: string): string {
  return createHash("sha256").update(JSON.stringify(text)).digest("hex");
}
