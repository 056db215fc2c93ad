import { WebSocket } from "ws";
import type { ShownMessage } from "../fake-platform.ts";

export interface VisitorTools {
  /** The next node's WebSocket address; undefined while nobody said where they are. */
  readonly address: () => { readonly url: string; readonly ca: string | undefined } | undefined;
  readonly origin: string;
  /** True when a fault is to hit, which is counted under its name. */
  readonly hits: (fault: "dropped" | "lostAnswer" | "duplicate") => boolean;
  /** From 0 to 1. */
  readonly chance: () => number;
  readonly violation: (text: string) => void;
  readonly changed: () => void;
}

interface Written {
  readonly id: string;
  readonly text: string;
}

const retryMinMs = 50;
const retryMaxMs = 1_000;

/** One person at one page: what the widget does, with a line that breaks. */
export class FakeVisitor {
  readonly shown: ShownMessage[] = [];
  readonly #name: string;
  readonly #tools: VisitorTools;
  /** Not accepted yet; only the first is on its way. */
  readonly #outbox: Written[] = [];
  /** Accepted, and not seen in the history. */
  readonly #pending = new Set<string>();
  readonly #seen = new Set<string>();
  #token: string | undefined;
  #conversation: string | undefined;
  #last = -1;
  #count = 0;
  #tries = 0;
  #socket: WebSocket | undefined;
  #isWelcome = false;
  #isClosed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(name: string, tools: VisitorTools) {
    this.#name = name;
    this.#tools = tools;
  }

  get isSettled(): boolean {
    return this.#outbox.length === 0;
  }

  say(text: string): void {
    this.#count += 1;
    this.#outbox.push({ id: `message-${this.#count}-of-a-visitor`, text });
    if (!this.#socket) this.connect();
    else if (this.#isWelcome && this.#outbox.length === 1) this.#sendFirst();
  }

  connect(): void {
    if (this.#isClosed || this.#socket) return;
    clearTimeout(this.#retry);
    const address = this.#tools.address();
    if (!address) return this.#later();
    const { url, ca } = address;
    const socket = new WebSocket(url, { origin: this.#tools.origin, ...(ca && { ca }) });
    this.#socket = socket;
    socket.on("open", () => this.#hello(socket));
    socket.on("message", (data: Buffer) => {
      if (socket === this.#socket) this.#take(JSON.parse(data.toString()));
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (socket !== this.#socket) return;
      this.#socket = undefined;
      this.#isWelcome = false;
      this.#later();
    });
  }

  /** The line breaks. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#isWelcome = false;
    socket?.terminate();
    this.#later();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#socket?.terminate();
    this.#socket = undefined;
  }

  #later(): void {
    if (this.#isClosed) return;
    const bound = Math.min(retryMaxMs, retryMinMs * 2 ** this.#tries);
    this.#tries += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.connect(), bound * this.#tools.chance());
  }

  #hello(socket: WebSocket): void {
    const hello = {
      type: "hello",
      after: this.#last,
      pending: [...this.#pending].slice(-50),
      ...(this.#token !== undefined && { visitor: this.#token }),
      ...(this.#conversation !== undefined && { conversation: this.#conversation }),
    };
    socket.send(JSON.stringify(hello));
  }

  #sendFirst(): void {
    const [first] = this.#outbox;
    if (!first) return;
    const frame = JSON.stringify({ type: "send", ...first });
    this.#socket?.send(frame);
    if (this.#tools.hits("duplicate")) this.#socket?.send(frame);
  }

  // Frames of many shapes.
  // oxlint-disable-next-line typescript/no-explicit-any
  #take(frame: any): void {
    if (frame.type === "welcome") this.#welcome(frame);
    else if (frame.type === "accepted") this.#accepted(frame.id);
    else if (frame.type === "message") this.#message(frame);
    else if (frame.type === "error") this.#error(frame);
  }

  #welcome(frame: { visitor: string; conversation: string; after: number }): void {
    if (this.#token !== undefined && frame.visitor !== this.#token) {
      this.#tools.violation(`${this.#name} became somebody else`);
    }
    if (frame.after !== this.#last) this.#tools.violation(`${this.#name} begins anew`);
    this.#token = frame.visitor;
    this.#conversation = frame.conversation;
    this.#tries = 0;
    this.#isWelcome = true;
    this.#sendFirst();
  }

  #accepted(id: string): void {
    if (this.#tools.hits("lostAnswer")) return this.cut();
    // A repeat is accepted again.
    if (this.#outbox[0]?.id !== id) return;
    this.#outbox.shift();
    if (!this.#seen.has(id)) this.#pending.add(id);
    this.#tools.changed();
    this.#sendFirst();
  }

  #message(frame: { index: number; role: string; text: string; html?: string; id?: string }): void {
    const { index, role, text, html = "", id } = frame;
    if (index <= this.#last) this.#tools.violation(`${this.#name}: message ${index} came again`);
    this.#last = index;
    if (id !== undefined) {
      if (this.#seen.has(id)) this.#tools.violation(`${this.#name}: ${id} took effect twice`);
      this.#seen.add(id);
      this.#pending.delete(id);
    }
    if (role === "assistant") {
      if (/<(?!\/?(p|br|strong|em|del|code|pre|a|ul|ol|li|h\d)\b)/.test(html)) {
        this.#tools.violation(`unexpected markup: ${html.slice(0, 80)}`);
      }
      this.shown.push({ platformId: String(index), text, raw: html });
      this.#socket?.send(JSON.stringify({ type: "read", index }));
      this.#tools.changed();
    }
    if (this.#tools.hits("dropped")) this.cut();
  }

  #error({ id, code, message, retryAfterMs }: Record<string, any>): void {
    if (retryAfterMs === undefined) return this.#tools.violation(`${code}: ${message}`);
    if (id === undefined) return;
    setTimeout(() => {
      if (this.#isWelcome && this.#outbox[0]?.id === id) this.#sendFirst();
    }, retryAfterMs);
  }
}
