import { type Clock, delay, limits, toHoldfastError } from "@holdfast/core";
import { repeat } from "./repeat.ts";

export interface PatienceOptions {
  readonly clock: Clock;
  readonly say: (text: string) => void;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Rejects when nothing is left to wait for; asked from time to time. */
  readonly check: () => Promise<void>;
}

/** Repeats a step until it works, or never will. */
export type Patiently = <T>(step: () => Promise<T>) => Promise<T>;

/**
 * Repeats a step of the start while the engine cannot do it yet, however long that takes: after a power cut a
 * majority of store nodes must be back first. Errors: those of the step that do not pass by themselves, those
 * of `check`, the signal's reason. A step that is going on at that moment is left alone: closing the engine
 * ends it.
 */
export function patience(options: PatienceOptions): Patiently {
  const { clock, say } = options;
  const doubt = new Doubt(options);
  const signal = AbortSignal.any([options.signal, doubt.signal]);
  let said = "";
  const tell = (why: string) => {
    if (why !== said) say(`waiting for the engine: ${why}`);
    said = why;
  };
  return async (step) => {
    // One try may take long, too.
    const cancel = repeat(clock, limits.membershipCheckMs, () => {
      if (said === "") tell("it is not ready yet");
      doubt.look();
    });
    try {
      for (;;) {
        signal.throwIfAborted();
        try {
          return await unlessAborted(step(), signal);
        } catch (thrown) {
          signal.throwIfAborted();
          const error = toHoldfastError(thrown);
          const mayCome = error.retry !== "never" && error.code !== "internal";
          if (!mayCome) throw error;
          tell(error.message);
          await delay(clock, limits.engineStartPauseMs, signal);
        }
      }
    } finally {
      cancel();
    }
  };
}

/** Whether there is something to wait for. Goes on beside the waiting: where machines are gone it takes long. */
class Doubt {
  readonly #check: () => Promise<void>;
  readonly #outcome = new AbortController();
  #isLooking = false;

  constructor({ check }: PatienceOptions) {
    this.#check = check;
  }

  /** Aborts with what the check rejected with. */
  get signal(): AbortSignal {
    return this.#outcome.signal;
  }

  look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#check()
      .catch((thrown: unknown) => this.#outcome.abort(toHoldfastError(thrown)))
      .finally(() => {
        this.#isLooking = false;
      });
  }
}

/** The promise's outcome, or the signal's reason when that comes first. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
