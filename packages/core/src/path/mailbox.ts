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

/** Stage 4 of the message path: the messages of one conversation, strictly in order. */
export class Mailbox {
  #waiting: Waiting[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  get all(): readonly Waiting[] {
    return this.#waiting;
  }

  get head(): Waiting | undefined {
    return this.#waiting[0];
  }

  /** False when the same message waits already: it is a repeat. */
  add(waiting: Waiting): boolean {
    if (this.#waiting.some(({ message }) => message.id === waiting.message.id)) return false;
    this.#waiting.push(waiting);
    return true;
  }

  /** Takes out the messages that were handled before, wherever they stand, and returns them. */
  dropHandled(state: ConversationState): readonly Waiting[] {
    const isHandled = ({ at, message }: Waiting) =>
      at <= state.handled || state.seen.has(message.id);
    const handled = this.#waiting.filter(isHandled);
    if (handled.length > 0) {
      this.#waiting = this.#waiting.filter((waiting) => !isHandled(waiting));
    }
    return handled;
  }

  /** False while an input of the turn that was begun before has not been delivered again. */
  holdsInputsOf({ openTurn }: ConversationState): boolean {
    if (!openTurn) return true;
    const last = openTurn.inputs.at(-1) ?? 0;
    return this.#waiting.some(({ at }) => at >= last);
  }

  /**
   * The inputs of the next turn: those of a turn that was begun before, or one message (`followup`), or
   * all that wait and may be read as one (`collect`).
   */
  nextInputs(state: ConversationState, mode: QueueMode): readonly Waiting[] {
    const open = state.openTurn?.inputs;
    if (open) return this.#waiting.filter(({ at }) => open.includes(at));
    if (mode === "followup") return this.#waiting.slice(0, 1);
    return this.#collected();
  }

  /** Takes out the first `count` messages. */
  remove(count: number): readonly Waiting[] {
    const removed = this.#waiting.splice(0, count);
    return removed;
  }

  #collected(): readonly Waiting[] {
    let chars = 0;
    let count = 0;
    const first = this.#waiting[0]?.message;
    for (const { message } of this.#waiting) {
      const { content } = message;
      const hasOptions = message.options !== undefined || message.optionsBlob !== undefined;
      const isPlain = content.type === "text" && !hasOptions && sameChat(message, first);
      if (isPlain) chars += content.text.length;
      if (count > 0 && (!isPlain || chars * 3 > limits.inlinePayloadBytes)) break;
      count += 1;
      if (!isPlain) break;
    }
    return this.#waiting.slice(0, count);
  }
}

/** An answer goes to one chat. */
function sameChat({ source }: InboundMessage, first: InboundMessage | undefined): boolean {
  const other = first?.source;
  if (!source || !other) return source === other;
  return laneOf(source) === laneOf(other);
}
