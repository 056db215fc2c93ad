import { type Cancel, type Clock, HoldfastError, limits } from "@holdfast/core";
import type { Fault, Faults, Operation } from "./faults.ts";

/** One view's connection to the store: every effect passes here, so here is where faults happen. */
export interface Link {
  /** The view's own time: answers and deliveries come through it. */
  readonly clock: Clock;
  /** Lets `act` take effect at the store and hands its result or error back, if faults allow. */
  perform<T>(operation: Operation, act: () => T): Promise<T>;
  /** Lets `act` take effect if the store is reached; there is no answer. */
  send(operation: Operation, act: () => void): void;
  /** Nothing reaches a view that cannot receive, or is closed. */
  isReachable(): boolean;
  deliveryDelayMs(target: string): number;
  /** Calls `wake` after each mend and `end` once at the close (at once if the link is closed). */
  attach(feed: { wake(): void; end(): void }): Cancel;
  cutOff(way: CutWay): void;
  mend(): void;
  close(): void;
  /** As `close`, but nobody who waits is told. */
  abandon(): void;
}

/** What a cut stops: what the view sends, what it is sent, or both. */
export type CutWay = "both" | "sending" | "receiving";

export interface LinkOptions {
  readonly clock: Clock;
  /** Where requests travel: what was sent arrives, however the view's own clock goes. */
  readonly network: Clock;
  readonly faults: Faults;
  readonly timeoutMs: number;
  /** Called around each effect at the store. */
  readonly acting: <T>(act: () => T) => T;
}

export function createLink({ clock, network, faults, timeoutMs, acting }: LinkOptions): Link {
  const pending = new Set<() => void>();
  const feeds = new Set<{ wake(): void; end(): void }>();
  let state: "up" | CutWay | "closed" = "up";
  const maySend = () => state === "up" || state === "receiving";
  const mayReceive = () => state === "up" || state === "sending";

  function perform<T>(operation: Operation, act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (state === "closed") return reject(unavailable("the engine's client is closed"));
      const fault = faults.decide(operation);
      const finish = (settle: () => void) => {
        if (!pending.delete(giveUp)) return;
        cancelTimeout();
        settle();
      };
      const giveUp = () => finish(() => reject(unanswered(operation)));
      pending.add(giveUp);
      const isAppend = operation.kind === "append";
      const waitMs = isAppend ? Math.min(timeoutMs, limits.appendTryMs) : timeoutMs;
      const cancelTimeout = clock.schedule(waitMs, giveUp);
      if (!maySend() || fault.outcome === "lose-request") return;

      after(network, fault.requestMs, () => {
        const settle = takeEffect(operation, fault, () => acting(act), resolve, reject);
        if (fault.outcome === "lose-answer") return;
        after(clock, fault.answerMs, () => {
          if (mayReceive()) finish(settle);
        });
      });
    });
  }

  return {
    clock,
    perform,
    send(operation, act) {
      if (!maySend() || faults.decide(operation).outcome !== "ok") return;
      network.soon(act);
    },
    isReachable: mayReceive,
    deliveryDelayMs: (target) => faults.deliveryDelayMs?.(target) ?? 0,
    attach(feed) {
      if (state === "closed") feed.end();
      else feeds.add(feed);
      return () => feeds.delete(feed);
    },
    cutOff(way) {
      if (state !== "closed") state = way;
    },
    mend() {
      if (state === "closed" || state === "up") return;
      state = "up";
      for (const feed of feeds) feed.wake();
    },
    close() {
      state = "closed";
      for (const giveUp of pending) giveUp();
      for (const feed of feeds) feed.end();
      feeds.clear();
    },
    abandon() {
      state = "closed";
      pending.clear();
      for (const feed of feeds) feed.end();
      feeds.clear();
    },
  };
}

/** Runs the operation at the store and returns how its caller is told. */
function takeEffect<T>(
  operation: Operation,
  fault: Fault,
  act: () => T,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): () => void {
  if (fault.outcome === "refuse") return () => reject(unavailable("no leader"));
  if (fault.outcome === "storage-full" && operation.writes)
    return () => reject(new HoldfastError("storage_full", "The engine's storage is full."));
  try {
    const value = act();
    return () => resolve(value);
  } catch (error) {
    return () => reject(error);
  }
}

function after(clock: Clock, delayMs: number | undefined, run: () => void): void {
  if (delayMs) clock.schedule(delayMs, run);
  else clock.soon(run);
}

function unanswered(operation: Operation): HoldfastError {
  return operation.writes
    ? new HoldfastError("append_outcome_unknown", `No answer to a write to ${operation.target}.`)
    : unavailable("no answer in time");
}

export function unavailable(why: string): HoldfastError {
  return new HoldfastError("engine_unavailable", `The engine cannot be used: ${why}.`);
}
