import type { FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "@holdfast/core";
import type { HttpTiming } from "./dependencies.ts";

export interface SseTools {
  readonly clock: Clock;
  readonly timing: HttpTiming;
}

/**
 * One response of server-sent events. Its head is sent with the first write, or, so that proxies do
 * not give up, with the first heartbeat. A client that takes nothing for `stallMs` is cut off.
 */
export class EventStream {
  /** Aborts when the client is gone, was cut, or the stream was ended. */
  readonly closed: AbortSignal;
  readonly #closed = new AbortController();
  readonly #reply: FastifyReply;
  readonly #requestId: string;
  readonly #tools: SseTools;
  #cancelHeartbeat = () => {};
  #started = false;

  constructor(request: FastifyRequest, reply: FastifyReply, tools: SseTools) {
    this.closed = this.#closed.signal;
    this.#reply = reply;
    this.#requestId = request.id;
    this.#tools = tools;
    reply.raw.once("close", () => this.#finish());
    // Writing to a client that has just gone is no fault of anybody's.
    reply.raw.on("error", () => this.#finish());
    if (reply.raw.destroyed) this.#finish();
    else this.#beat();
  }

  get started(): boolean {
    return this.#started;
  }

  /** Sends the head now. From here on the reply is this stream's own. */
  start(): void {
    if (this.#started || this.closed.aborted) return;
    this.#started = true;
    this.#reply.hijack();
    this.#reply.raw.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "x-request-id": this.#requestId,
    });
    this.#reply.raw.flushHeaders();
  }

  /** Writes whole events; resolves when there is room for more, at the latest when it is closed. */
  async write(text: string): Promise<void> {
    this.start();
    if (this.closed.aborted) return;
    if (!this.#reply.raw.write(text)) await this.#room();
  }

  /** Writes the last events and closes. */
  end(text = ""): void {
    this.start();
    if (!this.#started) this.#reply.hijack();
    else if (!this.closed.aborted) {
      const { raw } = this.#reply;
      raw.end(text);
      // Also a client that never reads its end must go.
      const cancel = this.#tools.clock.schedule(this.#tools.timing.stallMs, () => raw.destroy());
      raw.once("close", cancel);
    }
    this.#finish();
  }

  /** The reply will be an ordinary one: nothing was streamed yet. */
  release(): void {
    this.#finish();
  }

  #room(): Promise<void> {
    const { raw } = this.#reply;
    return new Promise((resolve) => {
      const cancel = this.#tools.clock.schedule(this.#tools.timing.stallMs, () => {
        raw.destroy();
        this.#finish();
      });
      const finish = () => {
        cancel();
        raw.off("drain", finish);
        this.closed.removeEventListener("abort", finish);
        resolve();
      };
      raw.once("drain", finish);
      this.closed.addEventListener("abort", finish, { once: true });
    });
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#tools.clock.schedule(this.#tools.timing.heartbeatMs, () => {
      this.start();
      if (this.closed.aborted) return;
      if (!this.#reply.raw.writableNeedDrain) this.#reply.raw.write(": waiting\n\n");
      this.#beat();
    });
  }

  #finish(): void {
    this.#cancelHeartbeat();
    this.#closed.abort();
  }
}

/** One event as it goes over the wire. */
export function sseEvent(data: unknown, event?: string, id?: number): string {
  const head = event === undefined ? "" : `event: ${event}\n`;
  const mark = id === undefined ? "" : `id: ${id}\n`;
  return `${head}${mark}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
}
