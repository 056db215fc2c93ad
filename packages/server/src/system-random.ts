import { randomFillSync } from "node:crypto";
import type { Random } from "@holdfast/core";

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
/** Bytes from here on would favour the first letters. */
const unbiased = 256 - (256 % alphabet.length);
const pool = new Uint8Array(4096);
let used = pool.length;

/** Randomness of the machine, drawn in blocks. */
export const systemRandom: Random = {
  next: () => Math.random(),
  token(length) {
    let text = "";
    while (text.length < length) {
      if (used === pool.length) {
        randomFillSync(pool);
        used = 0;
      }
      const byte = pool[used] ?? 0;
      used += 1;
      if (byte < unbiased) text += alphabet[byte % alphabet.length];
    }
    return text;
  },
};
