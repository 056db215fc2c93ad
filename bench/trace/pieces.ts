import type { TraceSettings } from "./settings.ts";
import type { Arrival } from "./trace-file.ts";

/** What is replayed at a speed. */
export function pieceOf(
  arrivals: readonly Arrival[],
  speed: number,
  { seconds, requests, minutes, isSample }: TraceSettings,
): readonly Arrival[] {
  const limitMs = Math.min(seconds * 1_000 * speed, (minutes ?? Number.POSITIVE_INFINITY) * 60_000);
  const last = arrivals.at(-1);
  if (!last) return [];
  // The next round begins as long after the last arrival as arrivals are apart on average.
  const roundMs = last.atMs + last.atMs / arrivals.length + 1;
  const rounds = isSample ? Math.ceil(limitMs / roundMs) : 1;
  return Array.from({ length: rounds }, (_, round) =>
    arrivals.map((arrival) => ({ ...arrival, atMs: arrival.atMs + round * roundMs })),
  )
    .flat()
    .filter(({ atMs }) => atMs < limitMs)
    .slice(0, requests);
}
