import type { Conversations, NewMessage } from "../conversations.ts";
import { HoldfastError, toHoldfastError } from "../errors.ts";
import { agentName, organizationName } from "../ids.ts";
import { limits } from "../limits.ts";
import type { MessageSource } from "../deliveries.ts";
import type { InboundContent } from "../messages.ts";
import type {
  InboundEvent,
  InboundMessageEvent,
  MediaReference,
  ReceiptEvent,
} from "../ports/channel.ts";
import type { ResourceStore } from "../resource-store.ts";
import type { Account } from "../resources.ts";
import {
  chooseAgent,
  conversationOf,
  decideAccess,
  type IdentityLinks,
  inputText,
  type Pairing,
} from "./access/index.ts";

export interface ChannelIngressOptions {
  readonly conversations: Pick<Conversations, "submit">;
  readonly resources: ResourceStore;
  readonly pairing: Pick<Pairing, "isPaired" | "request">;
  readonly links: () => IdentityLinks;
  readonly digest: (text: string) => string;
  /** Counts what is not handled: the channel, and a word of a bounded set. */
  readonly ignored: (channel: string, what: string) => void;
}

/** Stage 1 of the message path for channels: from what happened on a platform to a conversation's message. */
export class ChannelIngress {
  readonly #options: ChannelIngressOptions;

  constructor(options: ChannelIngressOptions) {
    this.#options = options;
  }

  /**
   * Resolves when all events are durable, in their order for each chat. When one cannot be, none behind it in
   * its chat is; the platform sends all of them again, and what was accepted is recognised. Errors: those
   * of `Conversations.submit`.
   */
  async accept(account: Account, events: readonly InboundEvent[]): Promise<void> {
    if (events.length > limits.eventsAtOnce) {
      const problem = `${events.length} events came at once; the limit is ${limits.eventsAtOnce}.`;
      throw new HoldfastError("payload_too_large", problem);
    }
    const chats = new Map<string, Promise<void>>();
    for (const event of events) {
      if (event.type === "ignored") {
        this.#options.ignored(account.channel, event.what);
        continue;
      }
      const before = chats.get(event.chat.id) ?? Promise.resolve();
      const next = before.then(() => this.#acceptOne(account, event));
      // Whoever waits behind it sees the failure; it is thrown once, below.
      next.catch(() => undefined);
      chats.set(event.chat.id, next);
    }
    await Promise.all(chats.values());
  }

  async #acceptOne(account: Account, event: InboundMessageEvent | ReceiptEvent): Promise<void> {
    const agent = chooseAgent(account, event, this.#onlyAgent(account.organization));
    if (agent === undefined) {
      this.#options.ignored(account.channel, "no_agent");
      return;
    }
    const content =
      event.type === "receipt" ? newsOf(account, event) : await this.#contentOf(account, event);
    if (content === undefined) return;
    // A stranger's code is no part of the conversation that all others share.
    const isNotice = content.type === "notice";
    const scoped = isNotice ? { ...account, scope: "per-account-channel-peer" as const } : account;
    const { conversation, source } = this.#placeOf(scoped, agent, event);
    const message: NewMessage = {
      organization: organizationName(account.organization),
      agent: agentName(agent),
      conversation,
      content,
      key: `${account.name}.${event.eventId}`,
      source,
    };
    try {
      await this.#options.conversations.submit(message);
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      // What can never be accepted would come again and again.
      const isHopeless = error.retry === "never" && error.status < 429;
      if (!isHopeless) throw error;
      this.#options.ignored(account.channel, error.code);
    }
  }

  /** What the conversation gets of a message; undefined when it is for none. */
  async #contentOf(
    account: Account,
    event: InboundMessageEvent,
  ): Promise<InboundContent | undefined> {
    const { pairing, ignored } = this.#options;
    const access = decideAccess(account, event, pairing.isPaired(account, event.sender.id));
    if (access.decision === "ignore") {
      ignored(account.channel, access.what);
      return undefined;
    }
    if (access.decision === "pair") {
      const asked = await pairing.request(account, event);
      if (asked.result === "full" || (asked.result === "code" && !asked.isNew)) {
        ignored(account.channel, "not_paired");
        return undefined;
      }
      if (asked.result === "code") return { type: "notice", text: pairingText(asked.code) };
    }
    // A bare mention, or a file alone: the agent learns that somebody called.
    return { type: "text", text: cleanText(inputText(event)) || "(a message without text)" };
  }

  #placeOf(account: Account, agent: string, event: InboundMessageEvent | ReceiptEvent) {
    const { links, digest } = this.#options;
    const conversation = conversationOf(account, event, { agent, links: links(), digest });
    const media: readonly MediaReference[] =
      event.type === "message" ? event.media.slice(0, limits.mediaPerMessage) : [];
    const source: MessageSource = {
      account: account.name,
      chat: event.chat,
      ...(event.type === "message" && { messageId: event.messageId }),
      ...(event.type === "message" && event.order !== undefined && { order: event.order }),
      ...(media.length > 0 && { media }),
    };
    return { conversation, source };
  }

  /** Whoever has one agent need not say which. */
  #onlyAgent(organization: string): string | undefined {
    const { items } = this.#options.resources.list("Agent", organization, { limit: 2 });
    return items.length === 1 ? items[0]?.name : undefined;
  }
}

function newsOf(
  { name }: Account,
  { messageId, key, state, reason, at }: ReceiptEvent,
): InboundContent {
  const news = {
    type: "receipt" as const,
    account: name,
    messageId,
    state,
    at,
    ...(key !== undefined && { key }),
    ...(reason !== undefined && { reason: reason.slice(0, limits.deliveryReasonChars) }),
  };
  return { type: "delivery", news };
}

/** Platforms pass on what people paste: a NUL or half a character must not lose the message. */
function cleanText(text: string): string {
  const bytes = limits.messageTextBytes / 4;
  return text.slice(0, bytes).replaceAll("\0", "").toWellFormed();
}

function pairingText(code: string): string {
  return `This assistant does not know you yet. Give its operator this code, and then write again: \`${code}\``;
}
