import {
  type Accepted,
  type Asked,
  type Completed,
  type ConversationEvent,
  conversationKey,
  type ConversationRef,
  type Conversations,
  type DeadLetter,
  HoldfastError,
  isTurnEnd,
  type InboundMessage,
  type MessageId,
  type NewMessage,
  type Replayed,
  type StoredMessage,
  type ToolCall,
  type TurnEnd,
  type TurnId,
} from "@holdfast/core";

/** What the agent of a test does with one message. */
export interface Reply {
  readonly deltas?: readonly string[];
  /** What is told after the deltas and a second `started`, as another owner goes on. */
  readonly again?: readonly (string | { readonly tool: string })[];
  /** The texts of the steps before the last. */
  readonly steps?: readonly string[];
  readonly text?: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly finish?: "stop" | "length" | "tool-calls";
  readonly fail?: { code: string; message: string; retryAfterMs?: number };
  /** Resolves before the commit. */
  readonly gate?: Promise<void>;
}

interface State {
  readonly messages: StoredMessage[];
  readonly keys: Map<string, { id: MessageId; content: string }>;
  readonly listeners: Set<(event: ConversationEvent) => void>;
}

/** Conversations in memory, answered by a function, one turn for each message. */
export class MemoryConversations implements Conversations {
  readonly submitted: NewMessage[] = [];
  readonly letters: DeadLetter[] = [];
  refuse: HoldfastError | undefined;
  answer: (message: NewMessage) => Reply = (message) => ({ text: `echo: ${textOf(message)}` });
  readonly #states = new Map<string, State>();
  #count = 0;

  async submit(message: NewMessage): Promise<Accepted> {
    const accepted = this.#accept(message);
    if (!accepted.duplicate) void this.#turn(message, accepted.id);
    return accepted;
  }

  async ask(message: NewMessage, signal: AbortSignal): Promise<Asked> {
    const accepted = this.#accept(message);
    const events = new Channel(signal);
    if (accepted.duplicate) events.push(this.#committed(message, accepted.id));
    else void this.#turn(message, accepted.id, (event) => events.push(event));
    return { ...accepted, events };
  }

  async complete(message: NewMessage, arm: (end: () => void) => () => void): Promise<Completed> {
    const ended = new AbortController();
    const disarm = arm(() => ended.abort());
    const { events, ...accepted } = await this.ask(message, ended.signal);
    let end: TurnEnd | undefined;
    for await (const event of events) if (isTurnEnd(event)) end = event;
    disarm();
    return { ...accepted, end };
  }

  subscribe(ref: ConversationRef, listen: (event: ConversationEvent) => void): () => void {
    const { listeners } = this.#state(ref);
    listeners.add(listen);
    return () => listeners.delete(listen);
  }

  async history(ref: ConversationRef, { after, limit }: { after: number; limit: number }) {
    const { messages } = this.#state(ref);
    if (messages.length === 0) {
      throw new HoldfastError("conversation_not_found", "No such conversation is found.");
    }
    const page = messages.slice(after + 1, after + 1 + limit);
    return { messages: page, newest: messages.length - 1 };
  }

  async deliveries() {
    return [];
  }

  async changeDelivery(_ref: ConversationRef, id: string) {
    throw new HoldfastError("delivery_not_found", `No outgoing message ${id} waits there.`);
  }

  async deadLetters(organization: string | undefined): Promise<readonly DeadLetter[]> {
    return this.letters.filter(
      ({ message }) => organization === undefined || message.organization === organization,
    );
  }

  async replay(organization: string | undefined, id: string): Promise<Replayed> {
    const letter = (await this.deadLetters(organization)).find((one) => one.id === id);
    if (!letter) throw new HoldfastError("message_not_found", "No such dead letter.");
    const { conversation } = letter.message;
    return { ...(await this.submit(letter.message)), conversation };
  }

  async discard(organization: string | undefined, id: string): Promise<void> {
    const letter = (await this.deadLetters(organization)).find((one) => one.id === id);
    if (!letter) throw new HoldfastError("message_not_found", "No such dead letter.");
    this.letters.splice(this.letters.indexOf(letter), 1);
  }

  addLetter(id: string, message: InboundMessage): void {
    this.letters.push({ id, message, code: "model_empty", reason: "empty", attempts: 5, at: 1 });
  }

  watchers(ref: ConversationRef): number {
    return this.#state(ref).listeners.size;
  }

  /** Tells the watchers of a conversation what no turn did. */
  emit(ref: ConversationRef, event: ConversationEvent): void {
    for (const listen of this.#state(ref).listeners) listen(event);
  }

  #accept(message: NewMessage): Accepted {
    if (this.refuse) throw this.refuse;
    const { keys } = this.#state(message);
    const content = JSON.stringify(message.content);
    const known = message.key === undefined ? undefined : keys.get(message.key);
    if (known && known.content !== content) {
      throw new HoldfastError("idempotency_conflict", "The key was used with another body.");
    }
    if (known) return { id: known.id, duplicate: true };
    this.submitted.push(message);
    const id = `m${++this.#count}` as MessageId;
    if (message.key !== undefined) keys.set(message.key, { id, content });
    return { id, duplicate: false };
  }

  async #turn(
    message: NewMessage,
    id: MessageId,
    tell: (event: ConversationEvent) => void = () => {},
  ): Promise<void> {
    const turn = `t-${id}` as TurnId;
    const reply = this.answer(message);
    const both = (event: ConversationEvent) => {
      tell(event);
      this.emit(message, event);
    };
    await Promise.resolve();
    both({ type: "started", turn, inputs: [id] });
    for (const text of reply.deltas ?? []) both({ type: "delta", turn, text });
    if (reply.again) both({ type: "started", turn, inputs: [id] });
    for (const said of reply.again ?? []) {
      if (typeof said === "string") both({ type: "delta", turn, text: said });
      else both({ type: "tool", turn, name: said.tool, state: "finished" });
    }
    await reply.gate;
    if (reply.fail) {
      both({ type: "failed", inputs: [id], final: true, ...reply.fail });
      return;
    }
    const { messages } = this.#state(message);
    const add = (role: "user" | "assistant" | "tool", text: string, more: object = {}) => {
      messages.push({ index: messages.length, id, role, text, at: 1, turn, ...more });
    };
    if (message.content.type === "tool-results") {
      for (const { toolCallId, text } of message.content.results) add("tool", text, { toolCallId });
    } else add("user", textOf(message));
    for (const one of reply.steps ?? []) add("assistant", one);
    const text = reply.text ?? (reply.deltas ?? []).join("");
    add("assistant", text, reply.toolCalls ? { toolCalls: reply.toolCalls } : {});
    both({ ...this.#committed(message, id), finish: reply.finish ?? "stop" });
  }

  #committed(ref: ConversationRef, id: MessageId) {
    return {
      type: "committed",
      turn: `t-${id}` as TurnId,
      inputs: [id],
      messages: this.#state(ref).messages.filter((message) => message.id === id),
      finish: "stop",
      usage: { inputTokens: 3, outputTokens: 4 },
      model: "demo/echo",
    } as const;
  }

  #state(ref: ConversationRef): State {
    const key = conversationKey(ref);
    const state = this.#states.get(key) ?? {
      messages: [],
      keys: new Map(),
      listeners: new Set(),
    };
    this.#states.set(key, state);
    return state;
  }
}

function textOf(message: NewMessage): string {
  const { content } = message;
  if (content.type === "text") return content.text;
  if (content.type === "blob") return content.blob;
  if (content.type !== "tool-results") return "";
  return content.results.map(({ text }) => text).join(",");
}

/** Events of one turn, ended by its commit, its failure or the signal. */
class Channel implements AsyncIterable<ConversationEvent> {
  readonly #events: ConversationEvent[] = [];
  readonly #signal: AbortSignal;
  #wake = () => {};

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake());
  }

  push(event: ConversationEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ConversationEvent> {
    while (!this.#signal.aborted) {
      const event = this.#events.shift();
      if (event === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else {
        yield event;
        if (event.type === "committed" || event.type === "failed") return;
      }
    }
  }
}
