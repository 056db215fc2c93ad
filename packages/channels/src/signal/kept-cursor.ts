import { type Clock, HoldfastError, type Inbound } from "@holdfast/core";
import { cursorSaveMs } from "./limits.ts";

/**
 * The id of the last event that became durable, kept for the next owner once a second. A lost save is
 * harmless: what is read again is known by its ids.
 */
export class KeptCursor {
  readonly #inbound: Inbound;
  readonly #clock: Clock;
  #savedAt = Number.NEGATIVE_INFINITY;
  #saved: string;
  current: string;

  constructor(inbound: Inbound, clock: Clock) {
    this.#inbound = inbound;
    this.#clock = clock;
    // Before the first event: all that the daemon still has.
    this.#saved = inbound.cursor ?? "0";
    this.current = this.#saved;
  }

  /** Errors: `ownership_lost`. */
  async keep(id: string): Promise<void> {
    this.current = id;
    if (this.#clock.monotonic() - this.#savedAt >= cursorSaveMs) await this.save();
  }

  /** Errors: `ownership_lost`. */
  async save(): Promise<void> {
    if (this.current === this.#saved) return;
    this.#savedAt = this.#clock.monotonic();
    const { current } = this;
    try {
      await this.#inbound.saveCursor(current);
      this.#saved = current;
    } catch (error) {
      if (error instanceof HoldfastError && error.code === "ownership_lost") throw error;
    }
  }
}
