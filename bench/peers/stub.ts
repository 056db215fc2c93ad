import { BenchChild } from "../lib/child.ts";

/** How often one message's answer was given to the end; once is right. */
export interface Effect {
  readonly id: string;
  readonly count: number;
}

/**
 * The model that every contender asks, in a process of its own: OpenAI's chat completions. What users said
 * last holds `#ID `, the answer is `re:ID`. It is also the side effect that is counted: every answer to a
 * caller that still lives counts for its id, and nothing here removes repeats.
 */
export interface Stub {
  readonly pid: number;
  /** Base URL, with `/v1`. */
  readonly url: string;
  /** From now on answers take this long to four times as long, by turns. */
  setDelay(ms: number): Promise<void>;
  /** Forgets what it counted, and begins to note every id. Without it only totals are kept. */
  watch(): Promise<void>;
  /** Ids that were watched; `count` 0 never stands here. */
  effects(): Promise<Effect[]>;
  /** How many different ids were answered since `watch`. */
  answered(): Promise<number>;
  /** Mean bytes of the requests since this was asked last; 0 without any. */
  takeRequestBytes(): Promise<number>;
  stop(): Promise<void>;
}

export async function startStub(): Promise<Stub> {
  const child = new BenchChild({ entry: new URL("./stub-child.ts", import.meta.url) });
  const url = await child.ask<string>("start");
  return {
    pid: child.pid,
    url,
    setDelay: (ms) => child.ask("setDelay", ms),
    watch: () => child.ask("watch"),
    effects: () => child.ask("effects"),
    answered: () => child.ask("answered"),
    takeRequestBytes: () => child.ask("takeRequestBytes"),
    stop: () => child.stop(),
  };
}
