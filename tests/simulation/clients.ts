import {
  type Accepted,
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
import type { Cluster } from "./cluster.ts";
import { isChat, sourceOf } from "./sim-platform.ts";
import type { RunRecord } from "./run-record.ts";
import { call, ProcessEnded, processName, type SimNode } from "./sim-node.ts";

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
  /** The ends that those who waited were told. */
  readonly events: ConversationEvent[];
}

export interface ClientsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly record: RunRecord;
  readonly cluster: Cluster;
}

/** A client that waits at a node for the end of its message's turn. */
export interface Wait {
  readonly operation: Operation;
  readonly node: SimNode;
  readonly kind: "ask" | "complete";
  readonly since: number;
}

const commands = "plain plain plain plain plain plain pay safe both steps long essay flaky".split(
  " ",
);
const callTimeoutMs = 15_000;

export class Clients {
  readonly operations: Operation[] = [];
  /** Those who still wait. */
  readonly waits = new Set<Wait>();
  readonly #options: ClientsOptions;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  /** One client: sends messages one after the other until `isOver`. */
  async run(isOver: () => boolean): Promise<void> {
    const { clock, random } = this.#options;
    while (!isOver()) {
      await this.#send(this.#nextOperation());
      const pause = random.next() < 0.5 ? 0 : random.next() * 800;
      await delay(clock, Math.floor(pause));
    }
  }

  /** Tries until there is a definite answer, or gives up as a careful client must. */
  async #send(operation: Operation): Promise<void> {
    const { clock, random, record } = this.#options;
    for (let attempt = 0; attempt < 6; attempt += 1) {
      const node = this.#pickNode();
      if (node) {
        const code = await this.#try(node, operation);
        record.note(
          `client of ${where(operation)} #${operation.number} at ${processName(node)}: ${code ?? `acked ${operation.id}`}`,
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
    const { clock, random, record } = this.#options;
    const draw = random.next();
    const timeout = Promise.withResolvers<"timeout">();
    const cancel = clock.schedule(callTimeoutMs, () => timeout.resolve("timeout"));
    try {
      const sent = this.#call(node, operation, draw);
      sent.catch(() => undefined);
      const accepted = await Promise.race([sent, timeout.promise]);
      if (accepted === "timeout") return "unknown";
      operation.ackedAt ??= clock.monotonic();
      operation.id ??= accepted.id;
      if (operation.id !== accepted.id) record.violate(`#${operation.number} was given two ids`);
      return undefined;
    } catch (thrown) {
      if (thrown instanceof ProcessEnded) return "unknown";
      const error = toHoldfastError(thrown);
      return error.retry === "unknown-outcome" ? "unknown" : error.code;
    } finally {
      cancel();
    }
  }

  #call(node: SimNode, operation: Operation, draw: number): Promise<Accepted> {
    const { message } = operation;
    if (draw < 0.3) return this.#ask(node, operation);
    if (draw < 0.4) return this.#complete(node, operation);
    return call(node, ({ conversations }) => conversations.submit(message));
  }

  /** Resolves when the message is accepted; the answer is listened to beside. */
  async #ask(node: SimNode, operation: Operation): Promise<Accepted> {
    const { random, clock } = this.#options;
    const stop = new AbortController();
    const { events, ...accepted } = await call(node, ({ conversations }) =>
      conversations.ask(operation.message, stop.signal),
    );
    const wait = this.#beginWait(operation, node, "ask");
    if (random.next() < 0.15) {
      const patienceMs = Math.floor(random.next() * 2_000);
      node.clock.schedule(patienceMs, () => {
        this.waits.delete(wait);
        stop.abort();
      });
    }
    void this.#listen(wait, events, clock);
    return accepted;
  }

  async #listen(wait: Wait, events: AsyncIterable<ConversationEvent>, clock: Clock): Promise<void> {
    const seen: ConversationEvent[] = [];
    for await (const event of events) seen.push(event);
    this.#endWait(wait, seen.at(-1), clock.monotonic());
  }

  /** As `ask`; but only the end comes, and with it that the message was accepted. */
  async #complete(node: SimNode, operation: Operation): Promise<Accepted> {
    const wait = this.#beginWait(operation, node, "complete");
    try {
      const { end, ...accepted } = await call(node, ({ conversations }) =>
        conversations.complete(operation.message, () => () => {}),
      );
      this.#endWait(wait, end, this.#options.clock.monotonic());
      return accepted;
    } finally {
      this.waits.delete(wait);
    }
  }

  #beginWait(operation: Operation, node: SimNode, kind: Wait["kind"]): Wait {
    const wait: Wait = { operation, node, kind, since: this.#options.clock.monotonic() };
    this.waits.add(wait);
    void node.ended.then(() => this.waits.delete(wait));
    return wait;
  }

  #endWait(wait: Wait, last: ConversationEvent | undefined, now: number): void {
    if (!this.waits.delete(wait)) return;
    const { record } = this.#options;
    const { operation, node, kind, since } = wait;
    if (last) operation.events.push(last);
    const end = last?.type === "failed" ? `failed (${last.code})` : last?.type;
    record.count(`${kind} ended by ${last?.type ?? "nothing"}`);
    record.note(
      `${kind} of #${operation.number} at ${processName(node)} ended after ${now - since} ms: ${end}`,
    );
  }

  /** A message that is sent when everything works. */
  calmOperation({ organization, agent, conversation }: ConversationRef): Operation {
    const number = this.operations.length + 1;
    const text = `#${number} plain`;
    const content = { type: "text", text } as const;
    return this.#newOperation(text, { organization, agent, conversation, content });
  }

  #newOperation(text: string, message: NewMessage): Operation {
    const operation: Operation = {
      number: this.operations.length + 1,
      text,
      message,
      startedAt: this.#options.clock.monotonic(),
      ackedAt: undefined,
      id: undefined,
      isUnknown: false,
      events: [],
    };
    this.operations.push(operation);
    return operation;
  }

  #pickNode(): SimNode | undefined {
    const { serving } = this.#options.cluster;
    return serving[Math.floor(this.#options.random.next() * serving.length)];
  }

  #nextOperation(): Operation {
    const { random } = this.#options;
    const repeated = random.next() < 0.12 ? this.#recentWithKey() : undefined;
    // A platform's event says the same whenever it comes.
    if (repeated && (random.next() < 0.8 || isChat(repeated.message))) return repeated;
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
    return this.#newOperation(text, {
      organization: ref.organization,
      agent: ref.agent,
      conversation: isEphemeral ? (`once-${number}` as ConversationId) : ref.conversation,
      content: { type: "text", text },
      ...(key !== undefined && { key }),
      ...(isEphemeral && { ephemeral: true }),
      ...(!isEphemeral && isChat(ref) && { source: sourceOf(ref) }),
    });
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
