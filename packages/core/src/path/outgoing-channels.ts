import type { MessageSource } from "../deliveries.ts";
import type { ChatAddress, Piece, PieceSend, SendOutcome } from "../ports/channel.ts";

/** The organizations' channel accounts, as the owner of a conversation uses them. */
export interface OutgoingChannels {
  /** Undefined while there is no such account that can be opened. */
  account(organization: string, name: string): OutgoingAccount | undefined;
  /** Resolves when an account may have changed, or the signal aborts. */
  changed(organization: string, name: string, signal: AbortSignal): Promise<void>;
  /** The text that a message's media become, fetched and kept; the same at every call. */
  describeMedia(organization: string, id: string, source: MessageSource): Promise<string>;
  /** A message failed for good, or nobody knows: the agent's owner is told. */
  report(failure: DeliveryFailure): void;
}

export interface OutgoingAccount {
  readonly idempotentSends: boolean;
  readonly onFailure: "fail-rest" | "wait";
  /** Errors: whatever the text does to the channel's code. */
  render(markdown: string): readonly Piece[];
  /**
   * Resolves when the account's owner lets one message through to the chat; false when the credentials are
   * refused or the signal aborts. `sentAgoMs`: how long ago the conversation's own last sends to the chat
   * were.
   */
  permit(chat: ChatAddress, sentAgoMs: readonly number[], signal: AbortSignal): Promise<boolean>;
  /** The platform asked for a pause. */
  pause(chat: ChatAddress | undefined, ms: number): void;
  send(send: PieceSend, signal: AbortSignal): Promise<SendOutcome>;
  /** The platform refused the credentials: nothing is sent before they were looked at again. */
  refused(reason: string): void;
  /** False while the credentials are refused. */
  readonly isAuthorized: boolean;
  /** Shows that an answer is being written, until called back. */
  typing(chat: ChatAddress): () => void;
}

export interface DeliveryFailure {
  readonly organization: string;
  readonly agent: string;
  readonly conversation: string;
  readonly id: string;
  readonly account: string;
  readonly chat: string;
  readonly state: "failed" | "unknown";
  readonly reason: string;
  readonly at: number;
}

/** One message after another goes to one chat: what shares a lane never overtakes. */
export function laneOf({ account, chat }: MessageSource): string {
  return `${account}\n${chat.id}`;
}
