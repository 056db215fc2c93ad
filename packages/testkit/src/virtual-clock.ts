import { type Cancel, type Clock, invariant } from "@holdfast/core";
import { createTimerQueue } from "./timer-queue.ts";

/**
 * Time that only moves when it is driven, so that hours pass in moments and a run can be repeated.
 *
 * Order: what was given to `soon`, first in first out; then timers by due time, then by creation. Between
 * two events the driver lets one macrotask of Node pass: all promise reactions have run by then. Real
 * I/O, workers and real timers are not waited for. One driver at a time.
 */
export interface VirtualClock extends Clock {
  /** Runs everything that is due within `ms` milliseconds from now, then stands at that moment. */
  advance(ms: number): Promise<void>;
  /** Runs until the condition holds or the promise is settled; gives the promise's value. Fails when
   * nothing is left to run before that, or after `virtualTimeLimitMs`. */
  runUntil(condition: () => boolean): Promise<void>;
  runUntil<T>(promise: Promise<T>): Promise<T>;
  /** Runs until nothing is scheduled. Fails after `virtualTimeLimitMs`: an interval never ends. */
  runToIdle(): Promise<void>;
}

/** One drive's virtual time, over which it is taken for a test that waits for what never comes. */
export const virtualTimeLimitMs = 30 * 24 * 3_600_000;

/** Events at one moment, over which whatever runs is taken for a loop that never waits. */
const eventsPerMomentMax = 200_000;

/** `startMs` is the wall time at the beginning; the monotonic time begins at 0. */
export function createVirtualClock(startMs = 1_800_000_000_000): VirtualClock {
  const timers = createTimerQueue();
  const ready: (() => void)[] = [];
  let elapsedMs = 0;
  let driven = false;
  let eventsNow = 0;

  /** Runs the next event that is due at `untilMs` or before; false when there is none. */
  function runNext(untilMs: number): boolean {
    const run = ready.shift();
    if (run) {
      eventsNow += 1;
      invariant(eventsNow < eventsPerMomentMax, `time goes on at ${elapsedMs} ms: something loops`);
      run();
      return true;
    }
    const timer = timers.takeDue(untilMs);
    if (!timer) return false;
    if (timer.dueMs > elapsedMs) eventsNow = 0;
    elapsedMs = Math.max(elapsedMs, timer.dueMs);
    timer.run();
    return true;
  }

  /** Runs events until `done`; false when nothing is left to run up to `untilMs`. */
  async function drive(untilMs: number, done: () => boolean): Promise<boolean> {
    invariant(!driven, "a virtual clock has one driver at a time");
    driven = true;
    try {
      for (;;) {
        await letPromisesRun();
        if (done()) return true;
        if (!runNext(untilMs)) return false;
      }
    } finally {
      driven = false;
    }
  }

  async function runUntil<T>(goal: (() => boolean) | Promise<T>): Promise<T | undefined> {
    let settled = false;
    const note = () => {
      settled = true;
    };
    const done = goal instanceof Promise ? () => settled : goal;
    if (goal instanceof Promise) goal.then(note, note);
    const reached = await drive(elapsedMs + virtualTimeLimitMs, done);
    invariant(
      reached,
      `nothing is left to run at ${elapsedMs} ms, and what was awaited did not come`,
    );
    return goal instanceof Promise ? goal : undefined;
  }

  return {
    now: () => startMs + elapsedMs,
    monotonic: () => elapsedMs,
    schedule: (delayMs, run): Cancel => timers.add(elapsedMs + Math.max(0, delayMs), run),
    soon(run) {
      ready.push(run);
    },
    async advance(ms) {
      const untilMs = elapsedMs + ms;
      await drive(untilMs, () => false);
      elapsedMs = untilMs;
    },
    runUntil,
    async runToIdle() {
      await drive(elapsedMs + virtualTimeLimitMs, () => false);
      invariant(timers.isEmpty(), "the clock falls idle within the limit of virtual time");
    },
  };
}

/** Node runs all promise reactions, and those that they cause, before the next macrotask. */
function letPromisesRun(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
