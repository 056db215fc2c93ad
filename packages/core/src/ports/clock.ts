/** Time. Wall time is for people and records; every deadline and interval is monotonic. */
export interface Clock {
  /** Milliseconds since 1970; may jump. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. */
  monotonic(): number;
  /** Calls `run` once after `delayMs`; the result cancels it. A pending timer does not keep the process. */
  schedule(delayMs: number, run: () => void): Cancel;
  /** Runs after the work that is ready now, before any timer. */
  soon(run: () => void): void;
}

export type Cancel = () => void;

/** Resolves after `delayMs`, or at once when the signal aborts (look at the signal afterwards). */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = () => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.schedule(delayMs, finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}
