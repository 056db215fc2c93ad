import type { ServerResponse } from "node:http";
import type { Faults } from "../whatsapp/faults.ts";

const keptEvents = 1_000;
const slowMs = 1_000;

interface KeptEvent {
  readonly sequence: number;
  readonly data: string;
  /** Written in full to a connection that was not cut then. */
  isRead: boolean;
}

/**
 * What the daemon tells by its stream, as with `--receive-mode=on-connection`: messages stay at Signal's
 * servers while nobody listens. The daemon acknowledges a message there once it was written, and keeps
 * the last 1,000 events for clients that come back with a Last-Event-ID.
 */
export class EventFeed {
  readonly #faults: Faults;
  readonly #speed: number;
  readonly #hasIds: boolean;
  readonly #prefix = `${Date.now()}-`;
  readonly #clients = new Set<ServerResponse>();
  readonly #waiting: string[] = [];
  readonly #kept: KeptEvent[] = [];
  #sequence = 0;
  #isPumping = false;
  #changed = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(faults: Faults, speed: number, hasIds: boolean) {
    this.#faults = faults;
    this.#speed = speed;
    this.#hasIds = hasIds;
  }

  /** Signal's servers have something for the account. */
  add(notification: unknown): void {
    this.#waiting.push(JSON.stringify(notification));
    void this.#pump();
  }

  connect(response: ServerResponse, lastEventId: string | undefined): void {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(":\n\n");
    response.on("close", () => this.#clients.delete(response));
    if (this.#hasIds && lastEventId !== undefined) {
      const last = lastEventId.startsWith(this.#prefix)
        ? Number(lastEventId.slice(this.#prefix.length))
        : 0;
      for (const event of this.#kept) {
        if (event.sequence <= last) continue;
        response.write(this.#text(event));
        event.isRead = true;
      }
    }
    this.#clients.add(response);
    void this.#pump();
    this.#announce();
  }

  get listeners(): number {
    return this.#clients.size;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const client of this.#clients) client.destroy();
    this.#clients.clear();
  }

  async settled(): Promise<void> {
    while (!this.#isClosed && !this.#isSettled()) await this.#changed.promise;
  }

  close(): void {
    this.#isClosed = true;
    this.cut();
    this.#announce();
  }

  #isSettled(): boolean {
    return this.#waiting.length === 0 && !this.#isPumping && this.#kept.every((one) => one.isRead);
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#clients.size > 0 && !this.#isClosed) {
      const data = this.#waiting.shift();
      if (data === undefined) break;
      await this.#tell(data);
    }
    this.#isPumping = false;
    this.#announce();
  }

  async #tell(data: string): Promise<void> {
    this.#sequence += 1;
    const event: KeptEvent = { sequence: this.#sequence, data, isRead: false };
    this.#kept.push(event);
    if (this.#kept.length > keptEvents) this.#kept.shift();
    const text = this.#text(event);
    // Who connects meanwhile gets the event from those that are kept.
    const clients = [...this.#clients];
    // The daemon's word that it has the message gets lost: Signal's servers deliver it again.
    if (this.#faults.hits("duplicate")) this.#waiting.unshift(data);
    if (this.#faults.hits("dropped")) {
      if (this.#hasIds) {
        write(clients, text.slice(0, Math.ceil(text.length / 2)));
        await this.#pause(5);
      } else {
        // Without ids nobody can ask for it again, so it has to arrive before the cut, and then twice.
        write(clients, text);
        await this.#pause(50);
        event.isRead = true;
        this.#waiting.unshift(data);
      }
      this.cut();
      return;
    }
    if (this.#faults.hits("slow")) {
      write(clients, text.slice(0, 10));
      await this.#pause(slowMs);
      write(clients, text.slice(10));
    } else {
      write(clients, text);
    }
    event.isRead ||= clients.some((client) => this.#clients.has(client));
    if (!event.isRead && !this.#hasIds) this.#waiting.unshift(data);
  }

  #text(event: KeptEvent): string {
    const id = this.#hasIds ? `id:${this.#prefix}${event.sequence}\n` : "";
    return `${id}event:receive\ndata:${event.data}\n\n`;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms / this.#speed));
  }

  #announce(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}

function write(clients: readonly ServerResponse[], text: string): void {
  for (const client of clients) if (!client.destroyed) client.write(text);
}
