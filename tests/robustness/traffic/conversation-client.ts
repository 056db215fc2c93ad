import { type ApiAnswer, messagesPath, type NodeApi, NotConnected } from "./api-client.ts";
import { markOf, monotonicMs, type RecordWriter, type Tool } from "./record.ts";

export interface TrafficNode {
  readonly name: string;
  readonly api: NodeApi;
}

export interface Operation {
  readonly agent: string;
  readonly c: string;
  readonly n: number;
  readonly tool: Tool;
  readonly waits: boolean;
}

export interface ClientOptions {
  readonly record: RecordWriter;
  /** In the order in which this client tries them; it stays with the one that answered last. */
  readonly nodes: readonly TrafficNode[];
  readonly attemptTimeoutMs: number;
  /** For all tries of one operation. */
  readonly giveUpAfterMs: number;
}

/** Between two rounds over all nodes when the refusals name no time. */
const roundPauseMs = 100;
/** Retry-After has whole seconds; waiting them out would measure the client, not the cluster. */
const roundPauseMaxMs = 500;

/**
 * One conversation's client, as careful as it should be: one message at a time, each with a key, sent again
 * with the same key to the next node until it is acknowledged.
 */
export class ConversationClient {
  readonly #options: ClientOptions;
  #at: number;

  constructor(options: ClientOptions, first: number) {
    this.#options = options;
    this.#at = first % options.nodes.length;
  }

  async send(operation: Operation): Promise<void> {
    const { record, nodes, giveUpAfterMs } = this.#options;
    const { agent, c, n, tool, waits } = operation;
    const startedAt = monotonicMs();
    record.write({ t: "sent", at: startedAt, agent, c, n, tool, waits });
    for (let tries = 1; ; tries += 1) {
      const node = nodes[this.#at];
      if (!node) return;
      const pauseMs = await this.#try(node, operation);
      if (pauseMs === undefined) return;
      this.#at = (this.#at + 1) % nodes.length;
      if (monotonicMs() - startedAt > giveUpAfterMs) {
        return record.write({ t: "gave-up", at: monotonicMs(), c, n });
      }
      if (tries % nodes.length === 0) await pause(Math.max(roundPauseMs, pauseMs));
    }
  }

  /** Undefined when it is done, else how long the refusal asks to wait. */
  async #try({ name, api }: TrafficNode, operation: Operation): Promise<number | undefined> {
    const { record, attemptTimeoutMs } = this.#options;
    const { agent, c, n, tool, waits } = operation;
    const from = monotonicMs();
    const since = () => Math.round(monotonicMs() - from);
    let answer: ApiAnswer;
    try {
      answer = await api.call("POST", messagesPath(agent, c), {
        body: { text: textOf(c, n, tool) },
        headers: {
          "idempotency-key": markOf(c, n),
          ...(waits && { prefer: `wait=${waitSeconds(attemptTimeoutMs)}` }),
        },
        timeoutMs: attemptTimeoutMs,
      });
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      const at = monotonicMs();
      if (thrown instanceof NotConnected) {
        record.write({ t: "refused", at, c, n, node: name, status: 0, code: why, ms: since() });
      } else {
        record.write({ t: "unknown", at, c, n, node: name, why, ms: since() });
      }
      return 0;
    }
    const { status, body, retryAfterS } = answer;
    const at = monotonicMs();
    if (status === 200 || status === 202) {
      const { id, duplicate } = body;
      record.write({ t: "ack", at, c, n, node: name, id, duplicate, from });
      if (status === 200) record.write({ t: "answer", at, c, n, node: name, text: body.reply });
      return undefined;
    }
    const code = body?.error?.code ?? `status ${status}`;
    if (body?.error?.retry === "unknown-outcome" || status === 504) {
      record.write({ t: "unknown", at, c, n, node: name, why: code, ms: since() });
    } else {
      record.write({ t: "refused", at, c, n, node: name, status, code, ms: since() });
    }
    return Math.min((retryAfterS ?? 0) * 1_000, roundPauseMaxMs);
  }
}

/** The node says that it takes too long before the client stops listening. */
function waitSeconds(attemptTimeoutMs: number): number {
  return Math.max(1, Math.floor(attemptTimeoutMs / 1_000) - 2);
}

function textOf(c: string, n: number, tool: Tool): string {
  return tool === "none" ? `#${markOf(c, n)}` : `#${markOf(c, n)} /${tool}`;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
