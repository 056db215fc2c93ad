import { HoldfastError } from "../errors.ts";
import { agentKey, type ConversationRef, conversationKey, type MessageId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { InboundMessage } from "../messages.ts";

/** What is kept of a message that was let in and is not answered yet; the inbox holds the rest. */
export interface PendingMessage {
  readonly id: MessageId;
  /** A stateless call. */
  readonly isCall: boolean;
  readonly conversation: string;
  readonly agent: string;
  readonly fingerprint: string | undefined;
  /** Resolves when the message is durable; only where it was accepted here. */
  readonly durable: Promise<unknown> | undefined;
  readonly bytes: number;
}

/** Counts what is unanswered on a node, and refuses what would be too much. */
export class Pending {
  readonly #messages = new Map<MessageId, PendingMessage>();
  readonly #conversations = new Counter();
  readonly #agents = new Counter();
  #bytes = 0;

  get size(): number {
    return this.#messages.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(id: MessageId): PendingMessage | undefined {
    return this.#messages.get(id);
  }

  /** True when the conversation has unanswered messages. */
  holds(ref: ConversationRef): boolean {
    return this.#conversations.get(conversationKey(ref)) > 0;
  }

  /** Errors: `conversation_busy`, `agent_busy`, `node_busy`. */
  admit(message: InboundMessage): void {
    const bytes = contentBytes(message);
    const most = message.source ? limits.chatPending : limits.conversationPending;
    if (this.#conversations.get(conversationKey(message)) >= most) {
      throw busy("conversation_busy", "The conversation", most);
    }
    if (this.#agents.get(agentKey(message)) >= limits.agentPending) {
      throw busy("agent_busy", "The agent", limits.agentPending);
    }
    if (this.#messages.size >= limits.nodePending) {
      throw busy("node_busy", "The node", limits.nodePending);
    }
    if (this.#bytes + bytes > limits.nodePendingBytes) {
      const problem = "The unanswered messages of the node hold too many bytes.";
      throw new HoldfastError("node_busy", problem, { retryAfterMs: 1_000 });
    }
  }

  /** Counts a message; what the inbox delivers is counted even over a limit. */
  add(message: InboundMessage, durable?: Promise<unknown>): void {
    if (this.#messages.has(message.id)) return;
    const bytes = contentBytes(message);
    const conversation = conversationKey(message);
    const agent = agentKey(message);
    const { id, fingerprint } = message;
    const isCall = message.ephemeral === true;
    this.#messages.set(id, { id, isCall, conversation, agent, fingerprint, durable, bytes });
    this.#conversations.add(conversation, 1);
    this.#agents.add(agent, 1);
    this.#bytes += bytes;
  }

  /** What was accepted here and is not known to be answered, oldest first. */
  *accepted(): Generator<PendingMessage> {
    for (const message of this.#messages.values()) if (message.durable) yield message;
  }

  /** The partition's next owner counts it; what was accepted here stays until its end is known. */
  forget(id: MessageId): void {
    if (!this.#messages.get(id)?.durable) this.remove(id);
  }

  remove(id: MessageId): void {
    const pending = this.#messages.get(id);
    if (!pending) return;
    this.#messages.delete(id);
    this.#conversations.add(pending.conversation, -1);
    this.#agents.add(pending.agent, -1);
    this.#bytes -= pending.bytes;
  }
}

class Counter {
  readonly #counts = new Map<string, number>();

  get(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, change: number): void {
    const count = this.get(key) + change;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }
}

function contentBytes({ content, options }: InboundMessage): number {
  const more = options === undefined ? 0 : memoryBytes(options);
  switch (content.type) {
    case "text":
      return memoryBytes(content.text) + more;
    case "blob":
      return content.bytes + more;
    case "tool-results":
      return content.results.reduce((sum, { text }) => sum + memoryBytes(text), more);
    case "notice":
      return memoryBytes(content.text);
    case "delivery":
      return memoryBytes(content.news);
  }
}

/** What a JSON value takes in memory: a character at most two bytes, anything else about eight. */
function memoryBytes(value: unknown): number {
  if (typeof value === "string") return 2 * value.length;
  if (typeof value !== "object" || value === null) return 8;
  let bytes = 8;
  for (const part of Object.values(value)) bytes += memoryBytes(part);
  return bytes;
}

function busy(
  code: "conversation_busy" | "agent_busy" | "node_busy",
  who: string,
  limit: number,
): HoldfastError {
  return new HoldfastError(code, `${who} has ${limit} unanswered messages, which is the limit.`, {
    retryAfterMs: 1_000,
  });
}
