import type { DeliveryNews, DeliveryState, MessageSource } from "./deliveries.ts";
import type { ConversationRef, MessageId, NodeId, TurnId } from "./ids.ts";

import type {
  ModelMessage,
  ModelSettings,
  ToolCall,
  ToolDescriptor,
  Usage,
} from "./ports/model.ts";

/** One inbound message as it stands in the inbox. */
export interface InboundMessage extends ConversationRef {
  readonly id: MessageId;
  /** Platform event id or Idempotency-Key: the same key takes effect once per conversation. */
  readonly key?: string;
  /** Hash of the content, to tell a repeat from another message with the same key. */
  readonly fingerprint?: string;
  readonly content: InboundContent;
  /** The chat that it came from; its answer goes there. */
  readonly source?: MessageSource;
  readonly receivedAt: number;
  /** The node whose client waits for the answer. */
  readonly replyTo?: NodeId;
  /** Somebody there follows what happens on the way to the end. */
  readonly isFollowed?: true;
  /** How many agents messaged each other to come here. */
  readonly depth: number;
  /** A conversation of one call: nothing is kept behind the journal. */
  readonly ephemeral?: boolean;
  readonly options?: TurnOptions;
  /** Where large options stand instead. */
  readonly optionsBlob?: string;
}

/** A text over `limits.inlinePayloadBytes` stands in the blob store. */
export type InboundContent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "blob"; readonly blob: string; readonly bytes: number }
  | { readonly type: "tool-results"; readonly results: readonly ToolAnswer[] }
  /** Goes to the chat as it is, without a turn. */
  | { readonly type: "notice"; readonly text: string }
  /** Changes what is known of an outgoing message, without a turn. */
  | { readonly type: "delivery"; readonly news: DeliveryNews };

/** A result of a tool that the API's client runs itself. */
export interface ToolAnswer {
  readonly toolCallId: string;
  readonly text: string;
}

/** What a caller may set for the turn that its message begins. */
export interface TurnOptions {
  /** Earlier messages of a stateless call. */
  readonly history?: readonly ModelMessage[];
  /** Added behind the agent's own instructions. */
  readonly instructions?: string;
  /** Tools that the caller runs itself: a call of one ends the turn. */
  readonly clientTools?: readonly ToolDescriptor[];
  readonly settings?: ModelSettings;
}

/** One message of a conversation's history. `index` counts from 0 without gaps. */
export interface StoredMessage {
  readonly index: number;
  readonly id: MessageId;
  readonly role: "user" | "assistant" | "tool";
  readonly text: string;
  /** Where a long text stands instead; then `text` is its beginning. */
  readonly blob?: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly toolCallId?: string;
  readonly toolName?: string;
  readonly isError?: boolean;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly turn?: TurnId;
  /** How the turn went; with its last message. */
  readonly outcome?: TurnOutcome;
}

export interface TurnOutcome {
  readonly finish: FinishReason;
  /** Of all the turn's model calls. */
  readonly usage: Usage;
  /** The `provider/model` that gave the answer. */
  readonly model: string;
}

export type FinishReason = "stop" | "length" | "tool-calls" | "content-filter";

/** What happens in a conversation, as its watchers see it. Only `committed` and `failed` are durable. */
export type ConversationEvent =
  | { readonly type: "started"; readonly turn: TurnId; readonly inputs: readonly MessageId[] }
  | { readonly type: "delta"; readonly turn: TurnId; readonly text: string }
  | {
      readonly type: "tool";
      readonly turn: TurnId;
      readonly name: string;
      readonly state: "running" | "finished" | "failed";
    }
  | {
      readonly type: "committed";
      readonly turn: TurnId;
      readonly inputs: readonly MessageId[];
      /** The inputs and everything the turn added, in history order. */
      readonly messages: readonly StoredMessage[];
      readonly finish: FinishReason;
      readonly usage: Usage;
      readonly model: string;
    }
  | {
      readonly type: "failed";
      readonly inputs: readonly MessageId[];
      readonly code: string;
      readonly message: string;
      readonly retryAfterMs?: number;
      /** True when the messages will not be tried again by themselves. */
      readonly final: boolean;
    }
  /** An outgoing message came to another state. */
  | {
      readonly type: "delivery";
      readonly id: string;
      readonly account: string;
      readonly state: DeliveryState;
      readonly reason?: string;
    };

/** The last event of a turn, or of one try of it. */
export type TurnEnd = Extract<ConversationEvent, { type: "committed" | "failed" }>;

export function isTurnEnd(event: ConversationEvent): event is TurnEnd {
  return event.type === "committed" || event.type === "failed";
}

/** A message that failed for good, kept until somebody replays or discards it. */
export interface DeadLetter {
  readonly id: string;
  readonly message: InboundMessage;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly at: number;
}
