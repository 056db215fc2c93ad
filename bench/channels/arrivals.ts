/**
 * When each of `rate` x `seconds` webhooks leaves, in milliseconds from the beginning: independent of each
 * other (exponential distances), and fixed before the first one, whatever the answers do.
 */
export function arrivalTimes(rate: number, seconds: number, seed: number): Float64Array {
  const random = generator(seed);
  const times = new Float64Array(Math.round(rate * seconds));
  let at = 0;
  for (let index = 0; index < times.length; index += 1) {
    at -= (Math.log(1 - random()) * 1_000) / rate;
    times[index] = at;
  }
  return times;
}

/** Mulberry32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
