import type { Random } from "@holdfast/core";

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";

/**
 * Repeatable randomness for tests and simulations; not for secrets. The generator is sfc32 of Chris
 * Doty-Humphrey's PractRand (128 bits of state), its state filled from the seed by splitmix32, the
 * finalizer of MurmurHash3 over a Weyl sequence. The seed's lowest 32 bits count.
 */
export function createSeededRandom(seed: number): Random {
  const fill = splitmix32(seed);
  let a = fill();
  let b = fill();
  let c = fill();
  let counter = 1;

  const next32 = () => {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  // The first outputs still show the seed's pattern; PractRand drops as many.
  for (let round = 0; round < 12; round += 1) next32();

  const next = () => next32() / 2 ** 32;
  return {
    next,
    token: (length) =>
      Array.from({ length }, () => alphabet[Math.floor(next() * alphabet.length)]).join(""),
  };
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x85ebca6b);
    mixed ^= mixed >>> 13;
    mixed = Math.imul(mixed, 0xc2b2ae35);
    return mixed ^ (mixed >>> 16);
  };
}
