import type { NodeId } from "../ids.ts";

/** Per heartbeat: after 30 of them half of a long silence is forgotten. */
const fading = 0.977;
/** A node may be silent for so many times its longest silence of late. */
const gapsAllowed = 2.5;

/**
 * Who was heard of how long ago, in a time of its own: it follows the monotonic clock but never leaps, so
 * that a node that was paused itself (stopped, swapped out, busy) does not take all the others for dead
 * before it has read what they said meanwhile.
 */
export class FailureDetector {
  readonly #deadlineMs: number;
  readonly #leapMs: number;
  readonly #deadlineMaxMs: number;
  readonly #heardAt = new Map<NodeId, number>();
  /** The longest silence of a node that ended, fading with each heartbeat. */
  readonly #gapMs = new Map<NodeId, number>();
  #time = 0;
  #tickedAt: number | undefined;

  /**
   * A node is dead after `deadlineMs` of silence, and up to `deadlineMaxMs` when it used to be silent for
   * longer lately: on an overloaded machine heartbeats come late, and moving partitions would load it more.
   * Between two ticks at most `leapMs` count.
   */
  constructor(deadlineMs: number, deadlineMaxMs: number, leapMs: number) {
    this.#deadlineMs = deadlineMs;
    this.#deadlineMaxMs = deadlineMaxMs;
    this.#leapMs = leapMs;
  }

  /** To be called often. `monotonicMs` is the clock's. */
  tick(monotonicMs: number): void {
    this.#time += Math.min(this.#leapMs, monotonicMs - (this.#tickedAt ?? monotonicMs));
    this.#tickedAt = monotonicMs;
  }

  heard(node: NodeId): void {
    const silentMs = this.silentMs(node) ?? 0;
    // A silence that counted as death says nothing of how late heartbeats come.
    const gapMs = silentMs < this.#deadlineMaxMs ? silentMs : 0;
    this.#gapMs.set(node, Math.max(gapMs, (this.#gapMs.get(node) ?? 0) * fading));
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
    return (this.silentMs(node) ?? Number.POSITIVE_INFINITY) < this.#deadlineOf(node);
  }

  #deadlineOf(node: NodeId): number {
    const usualMs = gapsAllowed * (this.#gapMs.get(node) ?? 0);
    return Math.min(this.#deadlineMaxMs, Math.max(this.#deadlineMs, usualMs));
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
