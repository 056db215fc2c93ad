import {
  type Cancel,
  type Clock,
  type ConversationEvent,
  type ConversationRef,
  type Conversations,
  HoldfastError,
  isTurnEnd,
  limits,
} from "@holdfast/core";

/** One event for a watcher, its data as JSON text. */
export interface FeedItem {
  readonly type: ConversationEvent["type"] | "message";
  readonly data: string;
  /** Index of the newest committed message, where an event brings it. */
  readonly id?: number;
}

interface Queued {
  readonly event: ConversationEvent;
  readonly data: string;
}

/**
 * History first and then what happens, without gap or double: it listens before it reads, drops the
 * commits that the history gave already, and reads the history again where a commit is missing. Events are not
 * kept for whoever missed them, and an owner may die between writing and telling, so it also looks by itself.
 * What waits for a slow watcher is bounded by `limits.streamBufferBytes`; over it: `stream_too_slow`.
 */
export class ConversationFeed implements Disposable {
  readonly #conversations: Conversations;
  readonly #ref: ConversationRef;
  readonly #clock: Clock;
  readonly #ended: AbortSignal;
  readonly #stop: () => void;
  readonly #queue: Queued[] = [];
  readonly #ready: FeedItem[] = [];
  /** Turns whose commit the history gave; their late events say nothing new. */
  readonly #replayed = new Set<string>();
  /** Index of the last message given; undefined until it is known where the watching begins. */
  #last: number | undefined;
  /** More of the history must be read before the queue. */
  #behind = false;
  /** The history must be looked at for what no event told. */
  #isDue = false;
  #cancelLook: Cancel = () => {};
  /** Pause before the next look; short while the end of a turn is awaited, then ever longer. */
  #lookMs: number = limits.streamLookMs;
  /** The index up to which a gap was filled as far as the history goes. */
  #filledTo = 0;
  /** The history is read up to here: what follows waits in the queue. */
  #until = Number.POSITIVE_INFINITY;
  #queuedChars = 0;
  #overflowed = false;
  #wake = () => {};

  /** Without `after` nothing is replayed. Errors: those of `subscribe`. */
  constructor(
    conversations: Conversations,
    clock: Clock,
    ref: ConversationRef,
    after: number | undefined,
    ended: AbortSignal,
  ) {
    this.#conversations = conversations;
    this.#ref = ref;
    this.#clock = clock;
    this.#last = after;
    this.#ended = ended;
    this.#stop = conversations.subscribe(ref, (event) => this.#listen(event));
    ended.addEventListener("abort", this.#onEnd);
  }

  /** Reads the beginning of what was missed, so that an unreadable history is told at once. */
  async open(): Promise<void> {
    if (this.#last === undefined) await this.#begin();
    else await this.#readPage();
    this.#lookLater();
  }

  /** Where nothing is replayed, nobody has to wait until the conversation has an owner that answers. */
  async #begin(): Promise<void> {
    try {
      this.#last = await this.#start();
    } catch (thrown) {
      if (!(thrown instanceof HoldfastError) || thrown.retry === "never") throw thrown;
      this.#lookMs = limits.streamSilentLookMs;
    }
  }

  /** The next event; undefined at the end. Errors: `stream_too_slow`, those of `history`. */
  async next(): Promise<FeedItem | undefined> {
    for (;;) {
      if (this.#ended.aborted) return undefined;
      const ready = this.#ready.shift();
      if (ready) return ready;
      if (this.#overflowed) throw tooSlow();
      if (this.#behind) await this.#readPage();
      else {
        const queued = this.#queue.shift();
        if (queued) this.#take(queued);
        else if (this.#isDue) await this.#look();
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.#cancelLook();
    this.#ended.removeEventListener("abort", this.#onEnd);
  }

  readonly #onEnd = () => this.#wake();

  #listen(event: ConversationEvent): void {
    if (this.#overflowed) return;
    const data = JSON.stringify(event);
    this.#queue.push({ event, data });
    this.#queuedChars += data.length;
    if (this.#queuedChars > limits.streamBufferBytes) {
      this.#overflowed = true;
      this.#queue.length = 0;
    }
    if (isOnTheWay(event)) this.#lookMs = limits.streamSilentLookMs;
    else if (isTurnEnd(event)) this.#lookMs = limits.streamLookMs;
    if (this.#last !== undefined) this.#lookLater();
    this.#wake();
  }

  #lookLater(): void {
    this.#cancelLook();
    this.#cancelLook = this.#clock.schedule(this.#lookMs, () => {
      this.#isDue = true;
      this.#wake();
    });
  }

  async #look(): Promise<void> {
    this.#isDue = false;
    this.#lookMs = Math.min(2 * this.#lookMs, limits.streamLookMs);
    try {
      if (this.#last === undefined) await this.#begin();
      else await this.#readPage();
    } catch (thrown) {
      // The conversation's owner is being replaced, most likely: the next look will tell.
      if (!(thrown instanceof HoldfastError) || thrown.retry === "never") throw thrown;
    }
    if (!this.#ended.aborted) this.#lookLater();
  }

  #take(queued: Queued): void {
    const { event, data } = queued;
    if (event.type === "committed" && this.#last !== undefined) {
      const first = event.messages[0]?.index ?? 0;
      if (first > this.#last + 1 && this.#filledTo < first) {
        // A commit before this one did not arrive here: the history has it.
        this.#filledTo = first;
        this.#until = first;
        this.#behind = true;
        this.#queue.unshift(queued);
        return;
      }
    }
    this.#queuedChars -= data.length;
    if (event.type === "committed") this.#takeCommit(event, data);
    else if (!("turn" in event) || !this.#replayed.has(event.turn)) {
      this.#ready.push({ type: event.type, data });
    }
  }

  #takeCommit(event: Extract<ConversationEvent, { type: "committed" }>, data: string): void {
    const newest = event.messages.at(-1)?.index ?? -1;
    if (this.#last !== undefined && newest <= this.#last) return;
    this.#last = newest;
    this.#ready.push({ type: "committed", data, id: newest });
  }

  /** The newest index from before what was heard: from there on everything is told. */
  async #start(): Promise<number> {
    const { newest } = await this.#page(Number.MAX_SAFE_INTEGER, 1);
    const commits = this.#queue.flatMap(({ event }) => (event.type === "committed" ? event : []));
    return Math.min(newest, (commits[0]?.messages[0]?.index ?? Number.POSITIVE_INFINITY) - 1);
  }

  async #readPage(): Promise<void> {
    const page = await this.#page(this.#last ?? -1, 100);
    // Only turns at the end of the history can still have events under way.
    this.#replayed.clear();
    const missed = page.messages.filter(({ index }) => index < this.#until);
    for (const message of missed) {
      this.#ready.push({ type: "message", data: JSON.stringify(message), id: message.index });
      if (message.turn !== undefined) this.#replayed.add(message.turn);
      this.#last = message.index;
    }
    const newest = Math.min(page.newest, this.#until - 1);
    this.#behind = missed.length > 0 && (this.#last ?? -1) < newest;
    if (!this.#behind) this.#until = Number.POSITIVE_INFINITY;
  }

  async #page(after: number, limit: number) {
    try {
      return await this.#conversations.history(this.#ref, { after, limit });
    } catch (thrown) {
      // It begins with its first message, which may well come while somebody watches.
      if (thrown instanceof HoldfastError && thrown.code === "conversation_not_found") {
        return { messages: [], newest: -1 };
      }
      throw thrown;
    }
  }
}

function isOnTheWay({ type }: ConversationEvent): boolean {
  return type === "started" || type === "delta" || type === "tool";
}

function tooSlow(): HoldfastError {
  return new HoldfastError(
    "stream_too_slow",
    `Over ${limits.streamBufferBytes} bytes of events wait for this client.`,
  );
}
