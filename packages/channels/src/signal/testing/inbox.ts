import {
  type ChannelAccount,
  HoldfastError,
  type Inbound,
  type InboundEvent,
  type InboundMessageEvent,
  limits,
} from "@holdfast/core";

/** What the owner of an account gives its receiver. */
export class Inbox implements Inbound {
  readonly events: InboundEvent[] = [];
  readonly connections: (string | undefined)[] = [];
  cursor: string | undefined;
  /** Runs before events are taken; its error stands for the engine's. */
  before: (events: readonly InboundEvent[]) => Promise<void> = async () => {};
  beforeSave: () => Promise<void> = async () => {};
  #changed = Promise.withResolvers<void>();

  async accept(events: readonly InboundEvent[]): Promise<void> {
    await this.before(events);
    if (events.length > limits.eventsAtOnce) {
      throw new HoldfastError("payload_too_large", "Too many events came at once.");
    }
    this.events.push(...events);
    this.#announce();
  }

  disconnected(): void {}

  async saveCursor(cursor: string): Promise<void> {
    await this.beforeSave();
    this.cursor = cursor;
    this.#announce();
  }

  connected(detail?: string): void {
    this.connections.push(detail);
    this.#announce();
  }

  get messages(): InboundMessageEvent[] {
    return this.events.filter((event) => event.type === "message");
  }

  /** Messages as they count: by their ids. */
  get texts(): string[] {
    return [...new Map(this.messages.map((one) => [one.eventId, one.text])).values()];
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#changed.promise;
  }

  #announce(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}

/** Runs `receive`; `stop` aborts it, and resolves with what it threw, or with undefined. */
export function startReceiving(account: ChannelAccount, inbox: Inbox) {
  const stopping = new AbortController();
  const ended = (account.receive?.(inbox, stopping.signal) ?? Promise.resolve()).then(
    () => undefined,
    (error: unknown) => error,
  );
  return {
    ended,
    async stop(): Promise<unknown> {
      stopping.abort();
      return await ended;
    },
  };
}
