import { type Clock, delay, type Random } from "@holdfast/core";
import { telegramLimits } from "./limits.ts";

export interface Backoff {
  /** Longer at every failure in a row; `atLeastMs` is what the platform asks for. Ends when the signal aborts. */
  wait(signal: AbortSignal, atLeastMs?: number): Promise<void>;
  reset(): void;
}

export function createBackoff(clock: Clock, random: Random): Backoff {
  let failures = 0;
  return {
    async wait(signal, atLeastMs = 0) {
      const { retryMinMs, retryMaxMs } = telegramLimits;
      const ceilingMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(failures, 16));
      failures += 1;
      const pauseMs = ceilingMs / 2 + (ceilingMs / 2) * random.next();
      await delay(clock, Math.max(atLeastMs, pauseMs), signal);
    },
    reset() {
      failures = 0;
    },
  };
}
