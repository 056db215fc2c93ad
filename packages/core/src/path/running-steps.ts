import { HoldfastError } from "../errors.ts";
import type { Step } from "./conversation-state.ts";
import type { StepKey } from "./handed-steps.ts";

/** Hands a finished or failed step to the partition's next owner. */
export type HandOn = (key: StepKey, step: Step | undefined) => void;

/**
 * The steps that run in a partition. From the moment when it is released they are not written here any more:
 * each is handed on when it ends, and its turn with it.
 */
export class RunningSteps {
  /** Every step that was begun and is not durable; with its result once it has one. */
  readonly #steps = new Map<StepKey, Step | undefined>();
  #handOn: HandOn | undefined;
  #isClosing = false;

  /** From now on no step begins; those that run may still be written here. */
  close(): void {
    this.#isClosing = true;
  }

  /** True when no step begins here any more. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  get isReleased(): boolean {
    return this.#handOn !== undefined;
  }

  /** Errors: those of a turn that goes on elsewhere. */
  begin(key: StepKey): void {
    this.ensureHere();
    this.#steps.set(key, undefined);
  }

  /** Errors: as of `begin`. */
  ensureHere(): void {
    if (this.#isClosing) throw movedOn();
  }

  /** The step has its result, which is not durable yet. Errors: those of a turn that was handed on. */
  done(key: StepKey, step: Step): void {
    this.#steps.set(key, step);
    if (this.#handOn) this.#give(key);
  }

  /** The step is durable here; the next owner reads it in the journal and need not wait for it. */
  written(key: StepKey): void {
    if (this.#steps.delete(key)) this.#handOn?.(key, undefined);
  }

  /** The step ended without a result, or with one that could not be written here. */
  ended(key: StepKey): void {
    const step = this.#steps.get(key);
    if (this.#steps.delete(key)) this.#handOn?.(key, step);
  }

  /** From now on results go to the next owner. Returns the steps that it has to wait for. */
  release(handOn: HandOn): readonly StepKey[] {
    this.#handOn = handOn;
    return [...this.#steps.keys()];
  }

  #give(key: StepKey): never {
    this.ended(key);
    throw movedOn();
  }
}

function movedOn(): HoldfastError {
  return new HoldfastError("not_ready", "The turn goes on at the partition's next owner.");
}
