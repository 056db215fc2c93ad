/** Works through 0 … count-1 with at most `width` at once. Errors: the first, after which none begins. */
export async function eachOf(
  count: number,
  width: number,
  work: (number: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < count && !failed) {
      const number = next;
      next += 1;
      try {
        await work(number);
      } catch (thrown) {
        failed = true;
        throw thrown;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}

/** `count` different numbers below `below`, the same ones in every run. */
export function pick(count: number, below: number, seed: number): number[] {
  const all = Array.from({ length: below }, (_, number) => number);
  let state = seed >>> 0 || 1;
  const next = () => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const wanted = Math.min(count, below);
  for (let at = 0; at < wanted; at += 1) {
    const other = at + Math.floor(next() * (below - at));
    const kept = all[at] as number;
    all[at] = all[other] as number;
    all[other] = kept;
  }
  return all.slice(0, wanted);
}
