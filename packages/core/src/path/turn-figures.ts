import type { Clock } from "../ports/clock.ts";

export interface TurnFigures {
  readonly turnsInFlight: number;
  readonly turnsPerSecond: number;
  /** Turns that ran at any moment, on average. */
  readonly turnLoad: number;
  /** Mean duration of the turns that ended; 0 when none did. */
  readonly turnLatencyMs: number;
}

/** Counts the turns of a partition between two looks. */
export class TurnMeter {
  readonly #clock: Clock;
  readonly #idle = new Set<() => void>();
  #inFlight = 0;
  #ended = 0;
  #latencyMs = 0;
  #busyMs = 0;
  #changedAt: number;
  #takenAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#changedAt = clock.monotonic();
    this.#takenAt = this.#changedAt;
  }

  /** A turn begins; the result is to be called when it ends. */
  begin(): () => void {
    const begunAt = this.#note(1);
    return () => {
      this.#latencyMs += this.#note(-1) - begunAt;
      this.#ended += 1;
      if (this.#inFlight > 0) return;
      for (const resolve of this.#idle) resolve();
      this.#idle.clear();
    };
  }

  /** Resolves when no turn runs. */
  idle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.add(resolve));
  }

  /** What happened since the last call. */
  take(): TurnFigures {
    const now = this.#note(0);
    const elapsedMs = Math.max(1, now - this.#takenAt);
    const figures: TurnFigures = {
      turnsInFlight: this.#inFlight,
      turnsPerSecond: (1_000 * this.#ended) / elapsedMs,
      turnLoad: this.#busyMs / elapsedMs,
      turnLatencyMs: this.#ended === 0 ? 0 : this.#latencyMs / this.#ended,
    };
    this.#takenAt = now;
    this.#ended = 0;
    this.#latencyMs = 0;
    this.#busyMs = 0;
    return figures;
  }

  #note(change: number): number {
    const now = this.#clock.monotonic();
    this.#busyMs += this.#inFlight * (now - this.#changedAt);
    this.#changedAt = now;
    this.#inFlight += change;
    return now;
  }
}
