import type { Clock } from "@holdfast/core";

const longestTimerMs = 2 ** 31 - 1;

/** Time of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), longestTimerMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon: (run) => setImmediate(run),
};
