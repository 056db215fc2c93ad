import { limits } from "../limits.ts";
import type { InboundMessage } from "../messages.ts";
import type { ConversationState } from "./conversation-state.ts";
import { laneOf } from "./outgoing-channels.ts";

/** A message of the inbox that waits for its turn. */
export interface Waiting {
  readonly message: InboundMessage;
  /** Its position in the inbox. */
  readonly at: number;
  /** It stood in the inbox before this owner opened the partition: a crash may have been its doing. */
  readonly recovered: boolean;
}

export type QueueMode = "followup" | "collect";

/**
 * Stage 4 of the message path: the messages of one conversation, in the order in which they were accepted.
 * Where a platform tells its own order, what waits of one chat is taken in that: two webhooks that run side
 * by side may be accepted the wrong way round.
 */
export class Mailbox {
  #waiting: Waiting[] = [];
  /** How many of them are news of outgoing messages. */
  #news = 0;

  get size(): number {
    return this.#waiting.length;
  }

  get all(): readonly Waiting[] {
    return this.#waiting;
  }

  /** The first news of an outgoing message that was not taken before: they wait for no turn. */
  news(state: ConversationState): Waiting | undefined {
    if (this.#news === 0) return undefined;
    return this.#waiting.find((waiting) => isNews(waiting) && !isHandled(waiting, state));
  }

  /** The message that is handled next. */
  get head(): Waiting | undefined {
    return this.#inOrder()[0];
  }

  /** False when the same message waits already: it is a repeat. */
  add(waiting: Waiting): boolean {
    if (this.#waiting.some(({ message }) => message.id === waiting.message.id)) return false;
    this.#waiting.push(waiting);
    if (isNews(waiting)) this.#news += 1;
    return true;
  }

  /** Takes out the messages that were handled before, wherever they stand, and returns them. */
  dropHandled(state: ConversationState): readonly Waiting[] {
    const handled = this.#waiting.filter((waiting) => isHandled(waiting, state));
    if (handled.length > 0) this.#keep((waiting) => !handled.includes(waiting));
    return handled;
  }

  /** False while an input of the turn that was begun before has not been delivered again. */
  holdsInputsOf({ openTurn }: ConversationState): boolean {
    if (!openTurn) return true;
    const last = Math.max(0, ...openTurn.inputs);
    return this.#waiting.some(({ at }) => at >= last);
  }

  /**
   * The inputs of the next turn: those of a turn that was begun before, or one message (`followup`), or
   * all that wait and may be read as one (`collect`). Never what was handled before: it may have come again
   * while the turn waited for its place.
   */
  nextInputs(state: ConversationState, mode: QueueMode): readonly Waiting[] {
    const open = state.openTurn?.inputs;
    if (open) {
      const inputs = this.#waiting.filter(({ at }) => open.includes(at));
      return inputs.sort((a, b) => open.indexOf(a.at) - open.indexOf(b.at));
    }
    const fresh = this.#inOrder().filter((waiting) => !isHandled(waiting, state));
    return mode === "followup" ? fresh.slice(0, 1) : collected(fresh);
  }

  /** True when a message that was accepted before this one is still to be handled, beyond these. */
  isEarly(input: Waiting, inputs: readonly Waiting[]): boolean {
    return this.#waiting.some((other) => other.at < input.at && !inputs.includes(other));
  }

  remove(inputs: readonly Waiting[]): void {
    this.#keep((waiting) => !inputs.includes(waiting));
  }

  #keep(isKept: (waiting: Waiting) => boolean): void {
    this.#waiting = this.#waiting.filter(isKept);
    this.#news = this.#waiting.filter(isNews).length;
  }

  /** The first message's place goes to the earliest of its chat; what has no order keeps its own. */
  #inOrder(): readonly Waiting[] {
    const waiting =
      this.#news === 0 ? this.#waiting : this.#waiting.filter((each) => !isNews(each));
    const [first, ...others] = waiting;
    const order = first?.message.source?.order;
    if (!first || order === undefined || others.length === 0) return waiting;
    const ofChat = waiting.filter(
      ({ message }) => message.source?.order !== undefined && sameChat(message, first.message),
    );
    const sorted = ofChat.toSorted((a, b) => orderOf(a) - orderOf(b));
    let next = 0;
    return waiting.map((each) => (ofChat.includes(each) ? (sorted[next++] ?? each) : each));
  }
}

/** The first ones, as many as may be read as one message. */
function collected(waiting: readonly Waiting[]): readonly Waiting[] {
  let chars = 0;
  let count = 0;
  const first = waiting[0]?.message;
  for (const { message } of waiting) {
    const { content } = message;
    const hasOptions = message.options !== undefined || message.optionsBlob !== undefined;
    const hasMedia = message.source?.media !== undefined;
    const isOwn = content.type === "text" && !hasOptions && !hasMedia;
    const isPlain = isOwn && sameChat(message, first);
    if (isPlain) chars += content.text.length;
    if (count > 0 && (!isPlain || chars * 3 > limits.inlinePayloadBytes)) break;
    count += 1;
    if (!isPlain) break;
  }
  return waiting.slice(0, count);
}

function isHandled({ at, message }: Waiting, state: ConversationState): boolean {
  return at <= state.handled || state.seen.has(message.id);
}

function isNews({ message }: Waiting): boolean {
  return message.content.type === "delivery";
}

function orderOf({ message }: Waiting): number {
  return message.source?.order ?? 0;
}

/** An answer goes to one chat. */
function sameChat({ source }: InboundMessage, first: InboundMessage | undefined): boolean {
  const other = first?.source;
  if (!source || !other) return source === other;
  return laneOf(source) === laneOf(other);
}
