import type { Cancel, Clock } from "@holdfast/core";

/** The clock of one process on a machine whose time `base` is: the process may stand still, or end. */
export interface NodeClock extends Clock {
  /** Holds back whatever becomes due, as SIGSTOP does; the monotonic time goes on. */
  pause(): void;
  /** Runs what was held back: in the order in which it became due, or the timers first. */
  resume(order: "as-due" | "timers-first"): void;
  /** Nothing runs any more. */
  stop(): void;
  /** Sets the wall clock forward, or back. */
  jump(ms: number): void;
}

interface Held {
  readonly isTimer: boolean;
  readonly run: () => void;
}

export function createNodeClock(base: Clock): NodeClock {
  let state: "runs" | "paused" | "stopped" = "runs";
  let held: Held[] = [];
  let offsetMs = 0;

  const enter = (item: Held) => {
    if (state === "runs") item.run();
    else if (state === "paused") held.push(item);
  };

  return {
    now: () => base.now() + offsetMs,
    monotonic: () => base.monotonic(),
    schedule(delayMs, run): Cancel {
      if (state === "stopped") return () => {};
      let isCancelled = false;
      const item: Held = {
        isTimer: true,
        run() {
          if (!isCancelled) run();
        },
      };
      const cancel = base.schedule(delayMs, () => enter(item));
      return () => {
        // It may be held back, or on its way, already.
        isCancelled = true;
        cancel();
      };
    },
    soon(run) {
      if (state !== "stopped") base.soon(() => enter({ isTimer: false, run }));
    },
    pause() {
      if (state === "runs") state = "paused";
    },
    resume(order) {
      if (state !== "paused") return;
      state = "runs";
      const items = held;
      held = [];
      const first = order === "timers-first" ? items.filter(({ isTimer }) => isTimer) : items;
      const then = order === "timers-first" ? items.filter(({ isTimer }) => !isTimer) : [];
      // One by one, so that the promises' reactions run between them.
      for (const item of [...first, ...then]) base.soon(() => enter(item));
    },
    stop() {
      state = "stopped";
      held = [];
    },
    jump(ms) {
      offsetMs += ms;
    },
  };
}
