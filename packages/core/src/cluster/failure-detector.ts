import type { NodeId } from "../ids.ts";

/**
 * Who was heard of how long ago, in a time of its own: it follows the monotonic clock but never leaps, so
 * that a node that was paused itself (stopped, swapped out, busy) does not take all the others for dead
 * before it has read what they said meanwhile.
 */
export class FailureDetector {
  readonly #deadlineMs: number;
  readonly #leapMs: number;
  readonly #heardAt = new Map<NodeId, number>();
  #time = 0;
  #tickedAt: number | undefined;

  /** A node is dead after `deadlineMs` of silence; between two ticks at most `leapMs` count. */
  constructor(deadlineMs: number, leapMs: number) {
    this.#deadlineMs = deadlineMs;
    this.#leapMs = leapMs;
  }

  /** To be called often. `monotonicMs` is the clock's. */
  tick(monotonicMs: number): void {
    this.#time += Math.min(this.#leapMs, monotonicMs - (this.#tickedAt ?? monotonicMs));
    this.#tickedAt = monotonicMs;
  }

  heard(node: NodeId): void {
    this.#heardAt.set(node, this.#time);
  }

  /** Dead at once: it said that it leaves. */
  left(node: NodeId): void {
    if (this.#heardAt.has(node)) this.#heardAt.set(node, Number.NEGATIVE_INFINITY);
  }

  /** Undefined when it was never heard of. */
  silentMs(node: NodeId): number | undefined {
    const heardAt = this.#heardAt.get(node);
    return heardAt === undefined ? undefined : this.#time - heardAt;
  }

  isAlive(node: NodeId): boolean {
    return (this.silentMs(node) ?? Number.POSITIVE_INFINITY) < this.#deadlineMs;
  }

  /** After a cut nothing is known of the others: everybody who was alive gets the whole time again. */
  startAnew(): void {
    for (const [node, heardAt] of this.#heardAt) {
      if (heardAt !== Number.NEGATIVE_INFINITY) this.#heardAt.set(node, this.#time);
    }
  }

  /** Milliseconds of the detector's own time. */
  get time(): number {
    return this.#time;
  }
}
