import type { Clock } from "@holdfast/core";

export interface Watchdog {
  /** Waiting for the other side begins / ends; time in between, when the consumer is slow, is free. */
  begin(): void;
  end(): void;
  /** Sets the allowed silence from now on; true when it is set the first time. */
  limit(limitMs: number): boolean;
  stop(): void;
}

/** Calls `expire` after one wait longer than the limit. One timer per limit's length, not per wait. */
export function createWatchdog(
  clock: Clock,
  firstLimitMs: number,
  expire: (silentMs: number) => void,
): Watchdog {
  let limitMs = firstLimitMs;
  let changed = false;
  let waitingSince: number | undefined;
  const check = () => {
    const waitedMs = waitingSince === undefined ? 0 : clock.monotonic() - waitingSince;
    if (waitedMs >= limitMs) return expire(limitMs);
    cancel = clock.schedule(limitMs - waitedMs, check);
  };
  let cancel = clock.schedule(limitMs, check);
  return {
    begin() {
      waitingSince = clock.monotonic();
    },
    end() {
      waitingSince = undefined;
    },
    limit(nextMs) {
      if (changed) return false;
      changed = true;
      limitMs = nextMs;
      cancel();
      cancel = clock.schedule(limitMs, check);
      return true;
    },
    stop: () => cancel(),
  };
}
