import type { ApiClient } from "./api-client.ts";
import { pause } from "./cluster-views.ts";
import type { Expected } from "./history-check.ts";
import { modelText } from "./model-process.ts";
import type { PlacedAgents } from "./placed-agents.ts";

/** One message from its first sending to its reply; times of `performance.now()`. */
export interface Exchange {
  readonly conversation: number;
  readonly id: string;
  readonly sentAt: number;
  readonly repliedAt: number;
  /** Tries that got no reply; what the last of them said. */
  readonly failures: number;
  readonly problem: string | undefined;
}

export interface LoadOptions {
  readonly agents: PlacedAgents;
  readonly conversations: number;
  /** Where messages go: each conversation keeps to one while that answers. Looked at before every try. */
  readonly entries: () => readonly ApiClient[];
  /** Between a reply and the next message, on average; spread evenly around it. */
  readonly thinkMs: number;
  readonly tokens?: number;
  readonly textChars?: number;
}

/** One try, the wait for the reply included; the client's own limit is a little longer. */
const waitSeconds = 60;
const tryTimeoutMs = (waitSeconds + 5) * 1_000;
const retryPauseMs = 50;
/** Long after anything should have come back: a message that takes longer is given up, and told. */
const giveUpMs = 180_000;

/**
 * Clients of many conversations, each with one message under way: the next one goes out when the reply is
 * there. A client that gets an error or loses its connection sends the same message with the same key again,
 * to the next node. Keeps the record of everything that was sent and acknowledged.
 */
export class ClusterLoad {
  readonly exchanges: Exchange[] = [];
  /** Answers with status 200 that were not the message's reply. */
  readonly wrong: string[] = [];
  readonly #options: LoadOptions;
  readonly #sent: string[][];
  readonly #unsure = new Set<string>();
  readonly #open = new Map<ApiClient, number>();
  readonly #listeners = new Set<(exchange: Exchange) => void>();
  #running: Promise<void>[] = [];
  #isStopping = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#sent = Array.from({ length: options.conversations }, () => []);
  }

  /** Messages that were given up. */
  get givenUp(): readonly string[] {
    return [...this.#unsure];
  }

  start(): void {
    this.#isStopping = false;
    this.#running = this.#sent.map((_, conversation) => this.#converse(conversation));
  }

  /** Resolves when the messages under way have their replies. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
  }

  /** Tries under way at one node. */
  openAt(api: ApiClient): number {
    return this.#open.get(api) ?? 0;
  }

  /** Calls `listen` with every reply from now on, until the function that it gives is called. */
  onReply(listen: (exchange: Exchange) => void): () => void {
    this.#listeners.add(listen);
    return () => this.#listeners.delete(listen);
  }

  /** What clients were told before they tried again, and how many messages that held up. */
  problems(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { problem } of this.exchanges) {
      if (problem !== undefined) counts[problem] = (counts[problem] ?? 0) + 1;
    }
    return counts;
  }

  /** What the histories must hold. */
  expected(): Expected[] {
    const { agents } = this.#options;
    return this.#sent.map((ids, conversation) => ({
      path: agents.pathOf(conversation),
      ids,
      unsure: this.#unsure,
    }));
  }

  async #converse(conversation: number): Promise<void> {
    const { thinkMs } = this.#options;
    // Not all at once.
    await pause(Math.random() * Math.max(thinkMs, retryPauseMs));
    while (!this.#isStopping) {
      if (!(await this.#exchange(conversation))) return;
      if (thinkMs > 0 && !this.#isStopping) await pause(thinkMs * (0.5 + Math.random()));
    }
  }

  /** False when the message was given up: the conversation's order is not known from there on. */
  async #exchange(conversation: number): Promise<boolean> {
    const own = this.#sent[conversation] ?? [];
    const id = `${conversation}.${own.length}`;
    own.push(id);
    const sentAt = performance.now();
    let problem: string | undefined;
    for (let failures = 0; ; failures += 1) {
      const found = await this.#try(conversation, id, failures);
      if (found === undefined) {
        const repliedAt = performance.now();
        const exchange = { conversation, id, sentAt, repliedAt, failures, problem };
        this.exchanges.push(exchange);
        for (const listen of this.#listeners) listen(exchange);
        return true;
      }
      problem = found;
      if (performance.now() - sentAt > giveUpMs) {
        this.#unsure.add(id);
        console.error(`given up: message ${id}: ${problem}`);
        return false;
      }
      await pause(retryPauseMs);
    }
  }

  /** Undefined when the reply came; else what came instead. */
  async #try(conversation: number, id: string, failures: number): Promise<string | undefined> {
    const { agents, entries, tokens = 1, textChars = 200 } = this.#options;
    const all = entries();
    const api = all[(conversation + failures) % all.length];
    if (!api) return "no node to send to";
    this.#open.set(api, this.openAt(api) + 1);
    try {
      const { status, text } = await api.call("POST", `${agents.pathOf(conversation)}/messages`, {
        body: { text: modelText(id, tokens, textChars) },
        headers: { prefer: `wait=${waitSeconds}`, "idempotency-key": id },
        timeoutMs: tryTimeoutMs,
      });
      if (status !== 200) return `status ${status} ${codeOf(text)}`;
      const { reply } = JSON.parse(text) as { reply?: string };
      if (reply?.startsWith(`re:${id}`) && !/^\d/.test(reply.slice(`re:${id}`.length))) {
        return undefined;
      }
      this.wrong.push(`${id}: ${text.slice(0, 200)}`);
      return "another answer";
    } catch (thrown) {
      return `connection: ${(thrown as NodeJS.ErrnoException).code ?? String(thrown)}`;
    } finally {
      this.#open.set(api, this.openAt(api) - 1);
    }
  }
}

function codeOf(text: string): string {
  return /"code": ?"(\w+)"/.exec(text)?.[1] ?? text.slice(0, 100);
}
