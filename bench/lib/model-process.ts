import { BenchChild } from "./child.ts";

export interface ModelOptions {
  /** Pace of an answer; all of it at once when absent. */
  readonly tokensPerSecond?: number;
}

/** One answer that was given to its end. */
export interface ModelCall {
  readonly id: string;
  /** In the provider's own process: from the request's last byte to the answer's last write. */
  readonly ms: number;
}

/** A call that began, whether it came to its end or not. */
export interface ModelAsk {
  readonly id: string;
  /** Milliseconds since 1970, with their fraction. */
  readonly at: number;
}

/** A model provider in its own process; see model-child.ts for how it is told what to answer. */
export interface BenchModel {
  readonly pid: number;
  /** Base URL of an `openai-compatible` provider. */
  readonly url: string;
  /** From now on nothing is answered … */
  hold(): Promise<void>;
  /** … until this; what waited is answered at once. */
  release(): Promise<void>;
  /** Requests that are held now. */
  waiting(): Promise<number>;
  /** The answers given since this was asked last. */
  takeCalls(): Promise<ModelCall[]>;
  /** All calls that began since this was asked last, in order. */
  takeAsks(): Promise<ModelAsk[]>;
  stop(): Promise<void>;
}

export async function startBenchModel(options: ModelOptions = {}): Promise<BenchModel> {
  const child = new BenchChild({ entry: new URL("./model-child.ts", import.meta.url) });
  const url = await child.ask<string>("start", options);
  return {
    pid: child.pid,
    url,
    hold: () => child.ask("hold"),
    release: () => child.ask("release"),
    waiting: () => child.ask("waiting"),
    takeCalls: () => child.ask("takeCalls"),
    takeAsks: () => child.ask("takeAsks"),
    stop: () => child.stop(),
  };
}

/** A text of `chars` characters that the provider answers with `tokens` tokens. */
export function modelText(id: string, tokens: number, chars: number): string {
  const mark = `#${id} ${tokens} `;
  return chars <= mark.length ? mark : mark + filler(chars - mark.length);
}

function filler(chars: number): string {
  const words = "the agents of a fleet keep their conversations ";
  return words.repeat(Math.ceil(chars / words.length)).slice(0, chars);
}
