import {
  type Cancel,
  type Clock,
  type ConversationEvent,
  type ConversationRef,
  type Conversations,
  type HistoryPage,
  HoldfastError,
  type MessageId,
  type StoredMessage,
} from "@holdfast/core";
import type { ServerFrame } from "./frames.ts";
import { webchatLimits } from "./limits.ts";

export interface VisitorFeedOptions {
  readonly conversations: Pick<Conversations, "subscribe" | "history">;
  readonly clock: Clock;
  readonly ref: ConversationRef;
  /** The newest message that the browser has; -1 for none. */
  readonly after: number;
  /** Nothing was ever said there. */
  readonly isNew: boolean;
  /** False: nothing is told of an answer before it is there. */
  readonly streams: boolean;
  /** Markdown as HTML of our own making. */
  readonly html: (markdown: string) => string;
  /** Resolves when the browser's connection took the frame. */
  readonly tell: (frame: ServerFrame) => Promise<void>;
  /** More waits than is kept: the browser must connect again. */
  readonly overflow: () => void;
  readonly report: (thrown: unknown) => void;
  /** The browser has more than there is: this is another history, told from its beginning. */
  readonly beginAnew: () => Promise<void>;
  /** An answer was handed to the browser. */
  readonly shown: (message: StoredMessage) => void;
}

/**
 * What a visitor sees of the conversation: its history first, then what happens, without gap or double.
 * Events only say that there is something; whatever an event did not bring is read from the history, also
 * when no event came at all, because events are not kept for whoever missed them.
 */
export class VisitorFeed {
  readonly #options: VisitorFeedOptions;
  readonly #stop: () => void;
  readonly #queue: ConversationEvent[] = [];
  #queuedChars = 0;
  #last: number;
  #isBehind: boolean;
  /** Nothing is looked at before something happens: whoever only opens a page costs the owner nothing. */
  #isUntouched: boolean;
  #isLive = false;
  #isRunning = false;
  #isClosed = false;
  #cancelLook: Cancel = () => {};
  /** The browser's own messages that do not stand in the history, by their id there. */
  readonly #awaited = new Map<MessageId, string>();
  /** Turns whose end the history gave: what else is told of them comes late. */
  readonly #ended = new Set<string>();
  /** The turn whose answer is being told from its beginning. */
  #told: string | undefined;

  /** Errors: `node_busy`. */
  constructor(options: VisitorFeedOptions) {
    this.#options = options;
    this.#last = options.after;
    this.#isBehind = !options.isNew;
    this.#isUntouched = options.isNew;
    this.#stop = options.conversations.subscribe(options.ref, (event) => this.#listen(event));
    this.#run();
  }

  /** A message of this browser, on its way to the history. */
  await(id: MessageId, own: string): void {
    this.#isUntouched = false;
    this.#awaited.set(id, own);
    if (this.#awaited.size > 2 * webchatLimits.pending) {
      const [oldest] = this.#awaited.keys();
      if (oldest !== undefined) this.#awaited.delete(oldest);
    }
    this.#lookLater();
  }

  /** A message of this browser that was refused. */
  forget(id: MessageId): void {
    this.#awaited.delete(id);
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#cancelLook();
    this.#queue.length = 0;
  }

  #listen(event: ConversationEvent): void {
    if (this.#isClosed || event.type === "delivery") return;
    this.#isUntouched = false;
    this.#queue.push(event);
    this.#queuedChars += sizeOf(event);
    const isTooMuch =
      this.#queuedChars > webchatLimits.queueChars ||
      this.#queue.length > webchatLimits.queueEvents;
    if (isTooMuch) return this.#options.overflow();
    this.#run();
  }

  #run(): void {
    if (this.#isRunning || this.#isClosed) return;
    this.#isRunning = true;
    this.#work()
      .catch((thrown: unknown) => this.#options.report(thrown))
      .finally(() => {
        this.#isRunning = false;
        this.#lookLater();
      });
  }

  async #work(): Promise<void> {
    if (this.#isUntouched) await this.#live();
    while (!this.#isClosed) {
      if (this.#isBehind) await this.#readPage();
      else {
        const event = this.#queue.shift();
        if (!event) return;
        this.#queuedChars -= sizeOf(event);
        await this.#take(event);
      }
    }
  }

  /** The owner may die between writing and telling: then nobody says that there is an answer. */
  #lookLater(): void {
    this.#cancelLook();
    if (this.#isClosed || this.#isUntouched) return;
    const isAwaited = this.#awaited.size > 0 || this.#isBehind;
    const ms = isAwaited ? webchatLimits.awaitedLookMs : webchatLimits.idleLookMs;
    this.#cancelLook = this.#options.clock.schedule(ms, () => {
      this.#isBehind = true;
      this.#run();
    });
  }

  async #take(event: ConversationEvent): Promise<void> {
    const { tell, streams } = this.#options;
    switch (event.type) {
      case "started":
        if (this.#ended.has(event.turn) || !streams) return;
        this.#told = event.turn;
        return tell({ type: "typing" });
      case "delta":
        if (this.#ended.has(event.turn) || !streams) return;
        // Whoever came later would read the middle of a sentence.
        if (this.#told === event.turn) return tell({ type: "delta", text: event.text });
        return;
      case "tool":
        // What the agent said before it used the tool is no part of its answer.
        if (this.#told === event.turn) return tell({ type: "typing" });
        return;
      case "committed":
        return this.#takeCommit(event.messages);
      case "failed":
        return this.#takeFailure(event.inputs, event.final);
      case "delivery":
        return;
      default:
        return event satisfies never;
    }
  }

  async #takeCommit(messages: readonly StoredMessage[]): Promise<void> {
    const [first] = messages;
    const newest = messages.at(-1)?.index ?? -1;
    if (!first || newest <= this.#last) return;
    if (first.index === this.#last + 1 && messages.every(({ blob }) => blob === undefined)) {
      for (const message of messages) await this.#show(message);
    } else this.#isBehind = true;
  }

  async #takeFailure(inputs: readonly MessageId[], final: boolean): Promise<void> {
    const ids = inputs.flatMap((id) => this.#awaited.get(id) ?? []);
    if (final) for (const id of inputs) this.#awaited.delete(id);
    this.#told = undefined;
    await this.#options.tell({ type: "failed", ids, final });
  }

  async #readPage(): Promise<void> {
    this.#isBehind = false;
    try {
      if (this.#last < 0) await this.#skipOld();
      const { messages, newest } = await this.#read(this.#last, webchatLimits.historyPage);
      if (newest < this.#last) return await this.#beginAnew();
      this.#ended.clear();
      for (const message of messages) {
        if (message.turn !== undefined) this.#ended.add(message.turn);
        await this.#show(message);
      }
      if (messages.length > 0 && this.#last < newest) {
        this.#isBehind = true;
        return;
      }
    } catch (thrown) {
      this.#isBehind = true;
      throw thrown;
    }
    await this.#live();
  }

  async #read(after: number, limit: number): Promise<HistoryPage> {
    const { conversations, ref } = this.#options;
    try {
      return await conversations.history(ref, { after, limit });
    } catch (thrown) {
      // It begins with its first message.
      const isNew = thrown instanceof HoldfastError && thrown.code === "conversation_not_found";
      if (isNew) return { messages: [], newest: -1 };
      throw thrown;
    }
  }

  /** The agent was removed and declared again, say: what it says now would seem to be known. */
  async #beginAnew(): Promise<void> {
    this.#last = -1;
    this.#isBehind = true;
    await this.#options.beginAnew();
  }

  async #live(): Promise<void> {
    if (this.#isLive) return;
    this.#isLive = true;
    await this.#options.tell({ type: "live" });
  }

  /** Of a long conversation a browser that knows nothing of it is shown the end. */
  async #skipOld(): Promise<void> {
    const { newest } = await this.#read(-1, 1);
    this.#last = Math.max(-1, newest - webchatLimits.historyShown);
  }

  /** Only what people said and what they are answered. */
  async #show(message: StoredMessage): Promise<void> {
    const { index, role, text, at } = message;
    if (index <= this.#last || this.#isClosed) return;
    this.#last = index;
    const own = this.#awaited.get(message.id);
    this.#awaited.delete(message.id);
    if (role === "user" && text !== "") {
      const id = own === undefined ? {} : { id: own };
      return this.#options.tell({ type: "message", index, role, text, at, ...id });
    }
    if (!isAnswer(message)) return;
    if (this.#told === message.turn) this.#told = undefined;
    await this.#options.tell({
      type: "message",
      index,
      role: "assistant",
      text,
      html: this.#options.html(text),
      at,
    });
    this.#options.shown(message);
  }
}

/** False for how the answer was found, which is not the visitor's to see. */
export function isAnswer({ role, text, toolCalls }: StoredMessage): boolean {
  return role === "assistant" && text !== "" && !toolCalls?.length;
}

function sizeOf(event: ConversationEvent): number {
  if (event.type === "delta") return event.text.length;
  if (event.type !== "committed") return 0;
  return event.messages.reduce((sum, { text }) => sum + text.length, 0);
}
