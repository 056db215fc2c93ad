import {
  type AgentName,
  type Clock,
  type ConversationEvent,
  type ConversationId,
  type ConversationRef,
  conversationKey,
  delay,
  type NewMessage,
  type OrganizationName,
  type Random,
  toHoldfastError,
} from "@holdfast/core";
import type { Cluster, SimNode } from "./cluster.ts";
import type { RunRecord } from "./run-record.ts";

/** One message that a client wants to have handled once, and what it was told about it. */
export interface Operation {
  readonly number: number;
  readonly message: NewMessage;
  readonly text: string;
  readonly startedAt: number;
  ackedAt: number | undefined;
  id: string | undefined;
  /** Some try ended without a definite answer. */
  isUnknown: boolean;
  events: readonly ConversationEvent[];
}

export interface ClientsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly record: RunRecord;
  readonly cluster: Cluster;
}

const commands = "plain plain plain plain plain plain pay safe both steps long essay flaky".split(
  " ",
);
const callTimeoutMs = 15_000;

export class Clients {
  readonly operations: Operation[] = [];
  readonly #options: ClientsOptions;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  /** One client: sends messages one after the other until `isOver`. */
  async run(isOver: () => boolean): Promise<void> {
    const { clock, random } = this.#options;
    while (!isOver()) {
      await this.send(this.#nextOperation());
      const pause = random.next() < 0.5 ? 0 : random.next() * 600;
      await delay(clock, Math.floor(pause));
    }
  }

  /** Tries until there is a definite answer, or gives up as a careful client must. */
  async send(operation: Operation): Promise<void> {
    const { clock, random, record } = this.#options;
    for (let attempt = 0; attempt < 6; attempt += 1) {
      const node = this.#pickNode();
      if (node) {
        const code = await this.#try(node, operation);
        record.note(
          `client of ${where(operation)} #${operation.number} at ${node.name}: ${code ?? `acked ${operation.id}`}`,
        );
        record.count(code ?? "acked");
        if (code === undefined) return;
        if (code === "unknown") {
          operation.isUnknown = true;
          // Without a key a repeat could take effect twice.
          if (operation.message.key === undefined) return;
        }
        if (code === "idempotency_conflict") return;
      }
      await delay(clock, Math.floor(random.next() * 500));
    }
  }

  /** Undefined when acknowledged, `unknown` when it may have been stored, else the code of the refusal. */
  async #try(node: SimNode, operation: Operation): Promise<string | undefined> {
    const { clock, random } = this.#options;
    const conversations = node.path?.conversations;
    if (!conversations) return "not_ready";
    const timeout = delay(clock, callTimeoutMs).then(() => "timeout" as const);
    try {
      const isAsk = random.next() < 0.4;
      const stop = new AbortController();
      const sent = isAsk
        ? conversations.ask(operation.message, stop.signal)
        : conversations.submit(operation.message);
      sent.catch(() => undefined);
      const accepted = await Promise.race([sent, timeout]);
      if (accepted === "timeout") return "unknown";
      operation.ackedAt ??= clock.monotonic();
      operation.id ??= accepted.id;
      if (operation.id !== accepted.id) {
        this.#options.record.violate(`#${operation.number} was given two ids`);
      }
      if ("events" in accepted) {
        await this.#listen(operation, accepted.events as AsyncIterable<ConversationEvent>, stop);
      }
      return undefined;
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      return error.retry === "unknown-outcome" ? "unknown" : error.code;
    }
  }

  async #listen(
    operation: Operation,
    events: AsyncIterable<ConversationEvent>,
    stop: AbortController,
  ): Promise<void> {
    const cancel = this.#options.clock.schedule(callTimeoutMs, () => stop.abort());
    const seen: ConversationEvent[] = [];
    for await (const event of events) seen.push(event);
    cancel();
    operation.events = seen;
    const last = seen.at(-1);
    this.#options.record.count(`ask ended by ${last?.type ?? "timeout"}`);
  }

  #pickNode(): SimNode | undefined {
    const { alive } = this.#options.cluster;
    return alive[Math.floor(this.#options.random.next() * alive.length)];
  }

  #nextOperation(): Operation {
    const { random, clock } = this.#options;
    const repeated = random.next() < 0.12 ? this.#recentWithKey() : undefined;
    if (repeated && random.next() < 0.8) return repeated;
    const number = this.operations.length + 1;
    const command =
      random.next() < 0.02
        ? "poison"
        : (commands[Math.floor(random.next() * commands.length)] ?? "");
    const padding = command === "long" ? ` ${"long ".repeat(300)}` : "";
    const text = `#${number} ${command}${padding}`;
    // The same key with another content.
    const key = repeated?.message.key ?? (random.next() < 0.6 ? `k${number}` : undefined);
    const ref = repeated?.message ?? this.#someConversation();
    const isEphemeral = key === undefined && random.next() < 0.2;
    const operation: Operation = {
      number,
      text,
      startedAt: clock.monotonic(),
      ackedAt: undefined,
      id: undefined,
      isUnknown: false,
      events: [],
      message: {
        organization: ref.organization,
        agent: ref.agent,
        conversation: isEphemeral ? (`once-${number}` as ConversationId) : ref.conversation,
        content: { type: "text", text },
        ...(key !== undefined && { key }),
        ...(isEphemeral && { ephemeral: true }),
      },
    };
    this.operations.push(operation);
    return operation;
  }

  #recentWithKey(): Operation | undefined {
    const recent = this.operations.slice(-40).filter(({ message }) => message.key !== undefined);
    return recent[Math.floor(this.#options.random.next() * recent.length)];
  }

  /** Twenty conversations, some of them much busier than others. */
  #someConversation(): ConversationRef {
    const { random } = this.#options;
    const number = Math.floor(random.next() ** 2 * 20);
    const names = ["plain", "collect", "tools", "gather", "mixed"];
    return {
      organization: "acme" as OrganizationName,
      agent: names[number % names.length] as AgentName,
      conversation: `c${number}` as ConversationId,
    };
  }
}

export function where({ message }: Operation): string {
  return conversationKey(message);
}
