import { conversationPath } from "../lib/api-client.ts";
import type { BenchCluster } from "../lib/cluster.ts";
import { pause } from "../lib/cluster-views.ts";
import type { Outcome } from "./replay.ts";

const waitSeconds = 600;
const retryPauseMs = 50;
const giveUpMs = 600_000;

/** Codes of turns that failed while their message stays durable. */
const durableFailures = /^(model_|wait_timeout$)/;
/** Answers after which the client sends the same message again. */
const passing = new Set([429, 502, 503]);

export interface SenderOptions {
  readonly cluster: BenchCluster;
  readonly organization: string;
  readonly agents: number;
}

/** A client that sends each message with its key until it has the reply, at one node after the other. */
export class TraceSender {
  readonly #options: SenderOptions;
  /** Messages that were sent more than once. */
  repeated = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  pathOf(conversation: number): string {
    const { organization, agents } = this.#options;
    return conversationPath(organization, `agent-${conversation % agents}`, `c${conversation}`);
  }

  async send(conversation: number, id: string, text: string): Promise<Outcome> {
    const startedAt = performance.now();
    for (let failures = 0; ; failures += 1) {
      if (failures === 1) this.repeated += 1;
      const found = await this.#try(conversation, id, text, failures);
      const isLate = performance.now() - startedAt > giveUpMs;
      if (found.isFinal || isLate) return found;
      await pause(retryPauseMs);
    }
  }

  async #try(
    conversation: number,
    id: string,
    text: string,
    failures: number,
  ): Promise<Outcome & { readonly isFinal: boolean }> {
    const ready = this.#options.cluster.nodes.filter(({ isReady }) => isReady);
    const node = ready[(conversation + failures) % ready.length];
    if (!node) return { problem: "no node runs", isDurable: false, isFinal: true };
    try {
      const { status, text: body } = await this.#options.cluster
        .api(node)
        .call("POST", `${this.pathOf(conversation)}/messages`, {
          body: { text },
          headers: { prefer: `wait=${waitSeconds}`, "idempotency-key": id },
        });
      if (status === 200) {
        const { reply } = JSON.parse(body) as { reply: string };
        const problem = reply.startsWith(`re:${id}`) ? undefined : `another answer: ${reply}`;
        return { problem: problem?.slice(0, 60), isDurable: true, isFinal: true };
      }
      const { code = "" } = (JSON.parse(body) as { error: { code?: string } }).error;
      const isDurable = durableFailures.test(code);
      return { problem: `status ${status} ${code}`, isDurable, isFinal: !passing.has(status) };
    } catch (thrown) {
      return { problem: String(thrown), isDurable: false, isFinal: false };
    }
  }
}
