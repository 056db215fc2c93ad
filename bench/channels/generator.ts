import { BenchChild } from "../lib/child.ts";
import type { World } from "./platforms.ts";

export interface Target {
  /** `https://host:port`. */
  readonly url: string;
  /** PEM of the authority. */
  readonly ca: string;
}

export interface SendPlan {
  readonly target: Target;
  readonly world: World;
  /** The number of the first message; they are counted through the whole run. */
  readonly first: number;
  readonly rate: number;
  readonly seconds: number;
  readonly seed: number;
  readonly connections: number;
}

/** Of each webhook in order, by the machine's monotonic clock; NaN for what never happened. */
export interface Sent {
  readonly plannedAt: Float64Array;
  /** Its first byte. */
  readonly sentAt: Float64Array;
  /** The last byte of an answer with status 200. */
  readonly ackedAt: Float64Array;
  readonly problems: readonly string[];
}

export interface Generator {
  readonly pid: number;
  send(plan: SendPlan): Promise<Sent>;
  stop(): Promise<void>;
}

export function startGenerator(): Generator {
  const child = new BenchChild({ entry: new URL("./generator-process.ts", import.meta.url) });
  return {
    pid: child.pid,
    send: (plan) => child.ask("send", plan),
    stop: () => child.stop(),
  };
}
