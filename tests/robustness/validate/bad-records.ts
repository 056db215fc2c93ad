import { operationsOf, type OperationRecord } from "../model/operations.ts";
import type { HistoryMessage } from "../traffic/api-client.ts";
import type { Tool, TrafficEvent } from "../traffic/record.ts";

/** A record as the load generator would have written it, for the tests of the checkers. */
export class RecordBuilder {
  readonly events: TrafficEvent[] = [];
  #at = 0;

  /** Sent, acknowledged and answered. */
  done(c: string, n: number, tool: Tool = "none"): this {
    return this.sent(c, n, tool).acked(c, n).answered(c, n);
  }

  sent(c: string, n: number, tool: Tool = "none", at = this.#next()): this {
    this.events.push({ t: "sent", at, agent: "traffic/a0", c, n, tool, waits: true });
    return this;
  }

  acked(c: string, n: number, { id = `m-${c}.${n}`, at = this.#next() } = {}): this {
    this.events.push({ t: "ack", at, c, n, node: "a", id, duplicate: false, from: at - 1 });
    return this;
  }

  answered(c: string, n: number, text = `re #${c}.${n}`): this {
    this.events.push({ t: "answer", at: this.#next(), c, n, node: "a", text });
    return this;
  }

  refused(c: string, n: number, code: string, { at = this.#next(), ms = 1 } = {}): this {
    this.events.push({ t: "refused", at, c, n, node: "a", status: 503, code, ms });
    return this;
  }

  unknown(c: string, n: number, why = "reset", { at = this.#next(), ms = 1 } = {}): this {
    this.events.push({ t: "unknown", at, c, n, node: "a", why, ms });
    return this;
  }

  operations(): Map<string, OperationRecord[]> {
    return operationsOf(this.events);
  }

  #next(): number {
    this.#at += 10;
    return this.#at;
  }
}

/** `#c1.1` is a message, `re #c1.1` its answer, `tool` a step in between. */
export function historyOf(...texts: readonly string[]): HistoryMessage[] {
  return texts.map((text, index) => {
    const role = text.startsWith("#") ? "user" : "assistant";
    return { index, id: `${index}`, role, text };
  });
}
