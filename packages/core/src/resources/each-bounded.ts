import { limits } from "../limits.ts";

/**
 * Runs `act` for every item, `limits.resourceWritesInFlight` at a time. After a failure nothing more is
 * begun, what runs is waited for, and the first failure is thrown.
 */
export async function eachBounded<T>(
  items: readonly T[],
  act: (item: T) => Promise<unknown>,
): Promise<void> {
  const failures: unknown[] = [];
  let next = 0;
  const work = async () => {
    while (next < items.length && failures.length === 0) {
      const item = items[next] as T;
      next += 1;
      try {
        await act(item);
      } catch (thrown) {
        failures.push(thrown);
      }
    }
  };
  const workers = Math.min(items.length, limits.resourceWritesInFlight);
  await Promise.all(Array.from({ length: workers }, work));
  if (failures.length > 0) throw failures[0];
}
