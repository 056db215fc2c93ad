import type { Clock } from "@holdfast/core";

export interface Deadline {
  /** Aborts when the time is over or when the outer signal aborts. */
  readonly signal: AbortSignal;
  expired(): boolean;
  /** Frees the timer. */
  end(): void;
}

export function withDeadline(clock: Clock, timeoutMs: number, outer: AbortSignal): Deadline {
  const controller = new AbortController();
  let expired = false;
  const cancel = clock.schedule(timeoutMs, () => {
    expired = true;
    controller.abort(new Error(`No answer within ${timeoutMs} ms.`));
  });
  return {
    signal: AbortSignal.any([outer, controller.signal]),
    expired: () => expired,
    end: cancel,
  };
}
