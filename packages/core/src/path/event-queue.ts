import { HoldfastError } from "../errors.ts";

/**
 * Events on their way to one reader, bounded: a reader that lets more than `maxBytes` gather gets an
 * error instead of the node's memory. Ends behind the event for which `isLast` holds.
 */
export class EventQueue<Event> implements AsyncIterable<Event> {
  readonly #maxBytes: number;
  readonly #isLast: (event: Event) => boolean;
  #events: { readonly event: Event; readonly bytes: number }[] = [];
  #bytes = 0;
  #ended = false;
  #failure: HoldfastError | undefined;
  #wake: (() => void) | undefined;
  #onEnd: (() => void) | undefined;

  constructor(maxBytes: number, isLast: (event: Event) => boolean) {
    this.#maxBytes = maxBytes;
    this.#isLast = isLast;
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  /** Called once, when the queue takes no more events. */
  onEnd(run: () => void): void {
    this.#onEnd = run;
    if (this.#ended) run();
  }

  push(event: Event, bytes: number): void {
    if (this.#ended) return;
    if (this.#bytes + bytes > this.#maxBytes) {
      this.#failure = new HoldfastError(
        "node_busy",
        `The reader let ${this.#maxBytes} bytes of events gather.`,
      );
      this.end();
      return;
    }
    this.#events.push({ event, bytes });
    this.#bytes += bytes;
    if (this.#isLast(event)) this.end();
    else this.#wake?.();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd?.();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event> {
    try {
      for (;;) {
        const batch = this.#events;
        this.#events = [];
        this.#bytes = 0;
        for (const { event } of batch) yield event;
        if (this.#events.length > 0) continue;
        if (this.#failure) throw this.#failure;
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } finally {
      this.end();
    }
  }
}
