import type { ConversationRef, MessageId } from "./ids.ts";
import type { DeliveryView, MessageSource } from "./deliveries.ts";
import type {
  ConversationEvent,
  DeadLetter,
  InboundContent,
  StoredMessage,
  TurnEnd,
  TurnOptions,
} from "./messages.ts";

/** What the API, the tools and the CLI do with conversations: the message path seen from outside. */
export interface Conversations {
  /**
   * Accepts one message; resolves when it is durable. The same key with the same content answers the
   * first id with `duplicate: true`. Errors: `agent_not_found`, `organization_not_found`,
   * `invalid_text`, `payload_too_large`, `idempotency_conflict`, `conversation_busy`, `agent_busy`,
   * `node_busy`, `not_ready`, `engine_unavailable`, `storage_full`, `append_outcome_unknown`.
   */
  submit(message: NewMessage): Promise<Accepted>;
  /**
   * Accepts a message and hands over the events of its turn, up to the `committed` or `failed` that
   * names it. Iteration ends with that event. A duplicate of an answered message gives its `committed`
   * event from the history. Stopping the iteration or aborting the signal does not undo the message.
   */
  ask(message: NewMessage, signal: AbortSignal): Promise<Asked>;
  /**
   * Accepts a message and waits for the end of its turn, without the events on the way. `arm` gets what
   * ends the wait early and returns what disarms it; then `end` is undefined. Errors: those of `submit`.
   */
  complete(message: NewMessage, arm: (end: () => void) => () => void): Promise<Completed>;
  /** Events of a conversation from now on. `listen` must not throw. Errors: `node_busy`. */
  subscribe(ref: ConversationRef, listen: (event: ConversationEvent) => void): () => void;
  /**
   * Messages with an index above `after` (-1 for all), oldest first. Errors:
   * `conversation_not_found`, `engine_unavailable`.
   */
  history(ref: ConversationRef, range: HistoryRange): Promise<HistoryPage>;
  /**
   * What is kept of the messages to the conversation's chats, the oldest first. Errors: `agent_not_found`,
   * `organization_not_found`, `not_ready`, `engine_unavailable`.
   */
  deliveries(ref: ConversationRef): Promise<readonly DeliveryView[]>;
  /**
   * Sends what failed and is held once more, or gives it up. Resolves when that is durable. Errors:
   * `delivery_not_found`, those of `deliveries` and `submit`.
   */
  changeDelivery(ref: ConversationRef, id: string, action: "retry" | "discard"): Promise<void>;
  deadLetters(organization: string | undefined): Promise<readonly DeadLetter[]>;
  /** Submits the message of a dead letter anew. Errors: `message_not_found`. */
  replay(organization: string | undefined, id: string): Promise<Replayed>;
  /** Errors: `message_not_found`. */
  discard(organization: string | undefined, id: string): Promise<void>;
}

export interface NewMessage extends ConversationRef {
  readonly content: InboundContent;
  readonly key?: string;
  readonly source?: MessageSource;
  readonly depth?: number;
  readonly ephemeral?: boolean;
  readonly options?: TurnOptions;
}

export interface Accepted {
  readonly id: MessageId;
  readonly duplicate: boolean;
}

export interface Replayed extends Accepted {
  readonly conversation: ConversationRef["conversation"];
}

export interface Asked extends Accepted {
  readonly events: AsyncIterable<ConversationEvent>;
}

export interface Completed extends Accepted {
  readonly end: TurnEnd | undefined;
}

export interface HistoryRange {
  readonly after: number;
  readonly limit: number;
}

export interface HistoryPage {
  readonly messages: readonly StoredMessage[];
  /** Index of the conversation's newest message; -1 when it has none yet. */
  readonly newest: number;
}
