import { HoldfastError } from "../errors.ts";
import { agentKey, type ConversationRef, conversationKey, type MessageId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { InboundMessage } from "../messages.ts";

/** A message that was let in and is not answered yet. */
interface PendingMessage {
  readonly message: InboundMessage;
  /** Resolves when the message is durable. */
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
    if (this.#conversations.get(conversationKey(message)) >= limits.conversationPending) {
      throw busy("conversation_busy", "The conversation", limits.conversationPending);
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
    this.#messages.set(message.id, { message, durable, bytes });
    this.#conversations.add(conversationKey(message), 1);
    this.#agents.add(agentKey(message), 1);
    this.#bytes += bytes;
  }

  remove(id: MessageId): void {
    const pending = this.#messages.get(id);
    if (!pending) return;
    this.#messages.delete(id);
    this.#conversations.add(conversationKey(pending.message), -1);
    this.#agents.add(agentKey(pending.message), -1);
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

/** In memory a character takes at most two bytes. */
function contentBytes({ content, options }: InboundMessage): number {
  const history = options?.history?.reduce((sum, { text }) => sum + text.length, 0) ?? 0;
  switch (content.type) {
    case "text":
      return 2 * (content.text.length + history);
    case "blob":
      return content.bytes + 2 * history;
    case "tool-results":
      return 2 * (content.results.reduce((sum, { text }) => sum + text.length, 0) + history);
  }
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
