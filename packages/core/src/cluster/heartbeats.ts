import { HoldfastError, toHoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import { listenOnBus } from "../path/bus-listener.ts";
import { encodeEntry } from "../path/records.ts";
import type { Bus, Subscription } from "../ports/bus.ts";
import { type Cancel, type Clock, delay } from "../ports/clock.ts";
import { FailureDetector } from "./failure-detector.ts";
import type { NodeLoad } from "./records.ts";

/** What a node publishes on `heartbeat.NODE`. */
interface Heartbeat {
  readonly node: NodeId;
  /** The sender's monotonic clock, for its own round trip. */
  readonly sentAt: number;
  /** The node stops in good order and wants its partitions taken. */
  readonly leaving: boolean;
  /** The process ends now, or hears nothing any more: whatever arrives of it, it is as good as dead. */
  readonly left: boolean;
  readonly load: NodeLoad;
  readonly about: NodeFacts;
}

/** What may differ at each start of a node. */
export interface NodeFacts {
  readonly url: string;
  readonly version: string;
  /** Of the certificate authority's state that the node has taken over. */
  readonly generation?: number;
}

export interface HeartbeatOptions {
  readonly node: NodeId;
  readonly about: NodeFacts;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly load: () => Omit<NodeLoad, "roundTripMs">;
  /** Takes in what was decided while this node heard nothing. */
  readonly catchUp: () => Promise<void>;
  readonly report: (error: HoldfastError, where: string) => void;
}

export type Presence = "alive" | "dead" | "unknown";

/**
 * Tells the others that this node lives, and who of them does. Its own heartbeats come back over the
 * engine too: a node that does not hear itself is cut off, and judges nobody meanwhile.
 */
export class Heartbeats {
  readonly #options: HeartbeatOptions;
  readonly #detector = new FailureDetector(
    limits.nodeSilenceMs,
    limits.nodeSilenceMaxMs,
    2 * limits.failureCheckMs,
  );
  /** Of this node itself. While it misses its own heartbeats, the silence of the others does not count. */
  readonly #own = new FailureDetector(
    limits.nodeSilenceMs,
    limits.nodeSilenceMaxMs,
    2 * limits.failureCheckMs,
  );
  readonly #last = new Map<NodeId, Heartbeat>();
  readonly #presence = new Map<NodeId, Presence>();
  /** When a dead node was heard of again, in the detector's time. */
  readonly #returnedAt = new Map<NodeId, number>();
  readonly #listeners = new Set<() => void>();
  #subscription: Subscription | undefined;
  #cancels: Cancel[] = [];
  #roundTripMs = 0;
  /** When the newest of its own heartbeats that came back was sent, in monotonic milliseconds. */
  #confirmedAt = 0;
  readonly #unconfirmed = new Set<() => void>();
  /** Runs after a pause, until what was decided meanwhile is known. */
  #catchingUp: Promise<void> | undefined;
  #closed = false;
  #leaving = false;
  #isCutOff = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus, clock, node } = this.#options;
    for (const detector of [this.#own, this.#detector]) {
      detector.tick(clock.monotonic());
      detector.heard(node);
    }
    this.#subscription = listenOnBus<Heartbeat>(
      bus,
      "heartbeat.*",
      (heartbeat, subject) => this.#hear(checked(heartbeat, subject)),
      this.#options.report,
    );
    this.#repeat(0, limits.heartbeatMs, () => this.#beat());
    this.#repeat(1, limits.failureCheckMs, () => this.#check());
  }

  /** Calls `listen` when a node came, went, or wants to leave, and when this node was cut off or is back. */
  onChange(listen: () => void): void {
    this.#listeners.add(listen);
  }

  presence(node: NodeId): Presence {
    return this.#presence.get(node) ?? "unknown";
  }

  isAlive(node: NodeId): boolean {
    return this.presence(node) === "alive";
  }

  /** True while a node stops in good order. */
  isLeaving(node: NodeId): boolean {
    return this.#last.get(node)?.leaving === true;
  }

  silentMs(node: NodeId): number | undefined {
    return this.#detector.silentMs(node);
  }

  /** How long a node has been alive without a break; endless for one that was never dead. */
  steadyMs(node: NodeId): number {
    const since = this.#returnedAt.get(node);
    return since === undefined ? Number.POSITIVE_INFINITY : this.#detector.time - since;
  }

  load(node: NodeId): NodeLoad | undefined {
    return this.#last.get(node)?.load;
  }

  /**
   * Undefined while others cannot have taken this node for dead; else resolves when a heartbeat of now has
   * come back: what was said on the same connection before has arrived then. Never, if that never happens.
   */
  stillAlive(): Promise<void> | undefined {
    if (this.#isConfirmed()) return this.#catchingUp;
    const confirmed = new Promise<void>((resolve) => this.#unconfirmed.add(resolve));
    return confirmed.then(() => this.#catchingUp);
  }

  /** Watches may lag behind after a pause, also when heartbeats come back already. */
  async #catchUp(): Promise<void> {
    const { catchUp, clock, report } = this.#options;
    for (;;) {
      try {
        return await catchUp();
      } catch (thrown) {
        if (this.#closed) return;
        report(toHoldfastError(thrown), "catching up after a pause");
        await delay(clock, limits.failureCheckMs);
      }
    }
  }

  #isConfirmed(): boolean {
    return this.#options.clock.monotonic() - this.#confirmedAt < limits.nodeSilenceMs;
  }

  about(node: NodeId): NodeFacts | undefined {
    return this.#last.get(node)?.about;
  }

  get isCutOff(): boolean {
    return this.#isCutOff;
  }

  /** From now on the others are told that this node wants to leave. */
  leave(): void {
    this.#leaving = true;
    this.#beat();
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#cancels) cancel();
    for (const resolve of this.#unconfirmed) resolve();
    this.#subscription?.close();
    if (this.#leaving) this.#beat(true);
  }

  #repeat(slot: number, everyMs: number, run: () => void): void {
    const next = () => {
      this.#cancels[slot] = this.#options.clock.schedule(everyMs, next);
      run();
    };
    next();
  }

  #beat(isLast = false): void {
    const { node, about, bus, clock, load } = this.#options;
    const heartbeat: Heartbeat = {
      node,
      about,
      sentAt: clock.monotonic(),
      leaving: this.#leaving,
      left: isLast || this.#isCutOff,
      load: { ...load(), roundTripMs: this.#roundTripMs },
    };
    bus.publish(`heartbeat.${node}`, encodeEntry(heartbeat));
  }

  #hear(heartbeat: Heartbeat): void {
    const { node } = heartbeat;
    const was = this.#last.get(node);
    this.#last.set(node, heartbeat);
    const isOurs = node === this.#options.node;
    if (isOurs) {
      this.#own.heard(node);
      this.#confirm(heartbeat.sentAt);
    }
    // That a node hears itself shows that it hears again.
    if (heartbeat.left && !isOurs) this.#detector.left(node);
    else this.#detector.heard(node);
    const isNews = was?.leaving !== heartbeat.leaving || was.left !== heartbeat.left;
    if (isNews || this.presence(node) !== "alive") this.#check(isNews);
  }

  #confirm(sentAt: number): void {
    const now = this.#options.clock.monotonic();
    // One of an earlier process of this node, whose clock began at another moment.
    if (sentAt > now) return;
    this.#roundTripMs = now - sentAt;
    if (sentAt - this.#confirmedAt >= limits.nodeSilenceMs) {
      const catching = this.#catchUp().finally(() => {
        if (this.#catchingUp === catching) this.#catchingUp = undefined;
      });
      this.#catchingUp = catching;
    }
    this.#confirmedAt = Math.max(this.#confirmedAt, sentAt);
    if (!this.#isConfirmed()) return;
    for (const resolve of this.#unconfirmed) resolve();
    this.#unconfirmed.clear();
  }

  #check(isNews = false): void {
    const { clock, node: self } = this.#options;
    this.#own.tick(clock.monotonic());
    if ((this.#own.silentMs(self) ?? 0) < 2 * limits.heartbeatMs) {
      this.#detector.tick(clock.monotonic());
    }
    const isCutOff = !this.#own.isAlive(self);
    let changed = isNews || isCutOff !== this.#isCutOff;
    if (this.#isCutOff && !isCutOff) {
      this.#detector.startAnew();
      this.#detector.heard(self);
    }
    this.#isCutOff = isCutOff;
    if (!isCutOff) {
      for (const node of this.#last.keys()) changed = this.#judge(node) || changed;
    }
    if (changed) for (const listen of this.#listeners) listen();
  }

  #judge(node: NodeId): boolean {
    const before = this.presence(node);
    const now = this.#detector.isAlive(node) ? "alive" : "dead";
    if (before === now) return false;
    if (before === "dead") this.#returnedAt.set(node, this.#detector.time);
    this.#presence.set(node, now);
    return true;
  }
}

/** Only a node itself may publish under its name; what it says of itself must be what it is asked for. */
function checked(
  { node, sentAt, leaving, left, load, about }: Heartbeat,
  subject: string,
): Heartbeat {
  const { url, version, generation = 0 } = about;
  const isWhole =
    subject === `heartbeat.${node}` &&
    typeof sentAt === "number" &&
    typeof leaving === "boolean" &&
    typeof left === "boolean" &&
    typeof url === "string" &&
    typeof version === "string" &&
    typeof generation === "number" &&
    Array.isArray(load.partitions);
  if (isWhole) return { node, sentAt, leaving, left, load, about: { url, version, generation } };
  throw new HoldfastError(
    "invalid_request",
    `The heartbeat on ${subject} is not as nodes send them.`,
  );
}
