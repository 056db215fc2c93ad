import type { NodeId, NodeRole } from "@holdfast/core";
import type { MemoryEngine } from "@holdfast/engine";
import type { NodeClock, PathNode } from "@holdfast/testkit";

export type CutWay = "both" | "sending" | "receiving";

/** One process of the cluster: a node's name lives on in the next one. */
export interface SimNode {
  readonly name: NodeId;
  readonly role: NodeRole;
  /** Which of the processes of this name it is. */
  readonly life: number;
  readonly engine: MemoryEngine;
  readonly clock: NodeClock;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  readonly end: () => void;
  readonly startedAt: number;
  /** Undefined for who never served: it may have been heard of or not. */
  servesSince: number | undefined;
  endedAt: number | undefined;
  path: PathNode | undefined;
  state: "starting" | "ready" | "leaving" | "ended";
  isPaused: boolean;
  cut: CutWay | undefined;
  /** Heartbeats in a row that the bus has lost. */
  lostBeats: number;
  /** When something was wrong with it last, in monotonic ms. */
  unwellAt: number;
}

/** The name of the process, and of its view of the store. */
export function processName({ name, life }: Pick<SimNode, "name" | "life">): string {
  return `${name}/${life}`;
}

export function isRunning({ state, isPaused }: SimNode): boolean {
  return state !== "ended" && !isPaused;
}

/** Its process ended before it answered: what it was asked may have been done. */
export class ProcessEnded extends Error {}

/** Calls a node as a client over the network does: its process takes the call when it runs. */
export function call<T>(node: SimNode, work: (path: PathNode) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    void node.ended.then(() => reject(new ProcessEnded(`${processName(node)} has ended`)));
    node.clock.soon(() => {
      if (!node.path) return reject(new ProcessEnded(`${processName(node)} has not started`));
      work(node.path).then(resolve, reject);
    });
  });
}
