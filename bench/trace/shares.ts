import type { ModelCall } from "../lib/model-process.ts";
import { type Spread, spreadOf } from "../lib/spread.ts";
import type { Exchange } from "./replay.ts";

export interface Shares {
  /** Response time less model time, from when the conversation was free; milliseconds. */
  readonly share: Spread;
  readonly response: Spread;
  readonly model: Spread;
  /** How late the generator itself was. */
  readonly late: Spread;
  /** Requests that came while their conversation still had an unanswered message. */
  readonly queued: number;
  /** Model calls beyond one a message. */
  readonly repeatedCalls: number;
  readonly problems: number;
  readonly examples: readonly string[];
}

export function sharesOf(exchanges: readonly Exchange[], calls: readonly ModelCall[]): Shares {
  const modelMs = new Map<string, number>();
  for (const { id, ms } of calls) modelMs.set(id, (modelMs.get(id) ?? 0) + ms);
  const right = exchanges.filter(({ problem }) => problem === undefined);
  const wrong = exchanges.flatMap(({ problem }) => problem ?? []);
  const freeFrom = ({ sentAt, freeAt }: Exchange) => Math.max(sentAt, freeAt);
  const share = right.map((one) => one.answeredAt - freeFrom(one) - (modelMs.get(one.id) ?? 0));
  return {
    share: spreadOf(share),
    response: spreadOf(right.map((one) => one.answeredAt - one.sentAt)),
    model: spreadOf([...modelMs.values()]),
    late: spreadOf(exchanges.map(({ lateMs }) => lateMs)),
    queued: exchanges.filter(({ sentAt, freeAt }) => freeAt > sentAt).length,
    repeatedCalls: calls.length - modelMs.size,
    problems: wrong.length,
    examples: [...new Set(wrong)].slice(0, 5),
  };
}
