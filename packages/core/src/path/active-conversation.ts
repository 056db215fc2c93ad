import { type ConversationRef, conversationKey } from "../ids.ts";
import type { InboundMessage } from "../messages.ts";
import type { Cancel } from "../ports/clock.ts";
import type { ConversationState } from "./conversation-state.ts";
import { Mailbox } from "./mailbox.ts";

/** A conversation in its owner's memory. */
export interface ActiveConversation {
  readonly key: string;
  readonly ref: ConversationRef;
  readonly ephemeral: boolean;
  readonly mailbox: Mailbox;
  /** Undefined until it is loaded. */
  state: ConversationState | undefined;
  loading: Promise<ConversationState> | undefined;
  /** It is tried until it is loaded: a second one beside it would send everything twice. */
  isActivating: boolean;
  /** Revision of the checkpoint it came from; 0 when there is none. */
  revision: number;
  running: boolean;
  saving: boolean;
  sealing: boolean;
  /** Cancels the wait before the next try, or before a `collect` is complete. */
  wait: Cancel | undefined;
  waitOver: boolean;
  isTakingNews: boolean;
  /** Chats to which something of the outbox is being sent. */
  readonly lanes: Set<string>;
  /** Tries of the head message that failed since the conversation was activated, for the pause between them. */
  failures: number;
  /** Monotonic milliseconds. */
  usedAt: number;
}

export function activeConversation(
  key: string,
  ref: ConversationRef,
  ephemeral: boolean,
): ActiveConversation {
  return {
    key,
    ref,
    ephemeral,
    mailbox: new Mailbox(),
    state: undefined,
    loading: undefined,
    isActivating: false,
    revision: 0,
    running: false,
    saving: false,
    sealing: false,
    wait: undefined,
    waitOver: false,
    isTakingNews: false,
    lanes: new Set(),
    failures: 0,
    usedAt: 0,
  };
}

/** The key under which the owner and the journal know a conversation; a stateless call's begins with `~`. */
export function journalKey(ref: ConversationRef, ephemeral: boolean): string {
  return ephemeral ? `~${conversationKey(ref)}` : conversationKey(ref);
}

export function isEphemeralKey(key: string): boolean {
  return key.startsWith("~");
}

export function refOf(message: InboundMessage): ConversationRef {
  const { organization, agent, conversation } = message;
  return { organization, agent, conversation };
}

/** True when nothing would be lost or delayed by putting it out of memory. */
export function isIdle(conversation: ActiveConversation): boolean {
  return (
    conversation.state !== undefined &&
    !conversation.running &&
    !conversation.saving &&
    !conversation.sealing &&
    conversation.wait === undefined &&
    conversation.mailbox.size === 0 &&
    (conversation.state.outbox?.waiting.length ?? 0) === 0
  );
}
