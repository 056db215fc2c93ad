import { WebSocket } from "ws";

export interface Frame extends Record<string, unknown> {
  readonly type: string;
}

/** One WebSocket to a chat, without the widget. */
export class ChatClient {
  readonly frames: Frame[] = [];
  readonly #socket: WebSocket;
  readonly #looking = new Set<() => void>();
  #closeCode: number | undefined;
  /** The HTTP status of a refused upgrade. */
  #refused: number | undefined;

  constructor(url: string, ca: string, origin: string | undefined) {
    this.#socket = new WebSocket(url, { ca, ...(origin !== undefined && { origin }) });
    this.#socket.on("message", (data: Buffer) => {
      this.frames.push(JSON.parse(data.toString()) as Frame);
      this.#look();
    });
    this.#socket.on("close", (code) => {
      this.#closeCode ??= code;
      this.#look();
    });
    this.#socket.on("unexpected-response", (_request, response) => {
      this.#refused = response.statusCode ?? 0;
      this.#look();
      this.#socket.terminate();
    });
    this.#socket.on("error", () => undefined);
  }

  async opened(): Promise<this> {
    await this.#until(
      () => this.#socket.readyState === WebSocket.OPEN,
      "open",
      (again) => {
        this.#socket.once("open", again);
      },
    );
    return this;
  }

  send(frame: object | string): void {
    this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** Says hello, and resolves with the welcome once everything missed was told. */
  async hello(more: object = {}): Promise<Frame> {
    await this.opened();
    this.send({ type: "hello", ...more });
    await this.frame("live");
    return this.frame("welcome");
  }

  /** The first frame of a type that fits, when it is there. */
  async frame(type: string, fits: (frame: Frame) => boolean = () => true): Promise<Frame> {
    const find = () => this.frames.find((each) => each.type === type && fits(each));
    await this.#until(() => find() !== undefined, `frame ${type}`);
    return find() as Frame;
  }

  async closeCode(): Promise<number> {
    await this.#until(() => this.#closeCode !== undefined, "close");
    return this.#closeCode ?? 0;
  }

  async refusal(): Promise<number> {
    await this.#until(() => this.#refused !== undefined, "refusal");
    return this.#refused ?? 0;
  }

  /** What the visitor sees: texts of messages in their order. */
  get texts(): string[] {
    return this.frames.flatMap(({ type, text }) => (type === "message" ? [String(text)] : []));
  }

  close(): void {
    this.#socket.terminate();
  }

  #look(): void {
    for (const look of this.#looking) look();
  }

  #until(
    isReached: () => boolean,
    what: string,
    also: (again: () => void) => void = () => {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#looking.delete(look);
        reject(new Error(`waited for ${what}; got ${JSON.stringify(this.frames.slice(-5))}`));
      }, 20_000);
      const look = () => {
        if (!isReached()) return;
        clearTimeout(timer);
        this.#looking.delete(look);
        resolve();
      };
      this.#looking.add(look);
      also(look);
      look();
    });
  }
}
