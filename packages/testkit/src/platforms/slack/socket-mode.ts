import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Retry } from "./delivery-lanes.ts";
import type { Payload } from "./events.ts";
import type { Faults } from "./faults.ts";
import { app } from "./workspace.ts";

const acknowledgeWithinMs = 3_000;
/** Slack lets an app have as many. */
const connectionsMax = 10;

/** Slack's end of socket mode. */
export class SocketMode {
  readonly #server = new WebSocketServer({ noServer: true });
  readonly #tickets = new Set<string>();
  readonly #sockets = new Set<WebSocket>();
  readonly #leaving = new Set<WebSocket>();
  readonly #frozen = new Set<WebSocket>();
  readonly #acknowledgements = new Map<string, (reason: string | undefined) => void>();
  readonly #faults: Faults;
  readonly #violations: string[];
  #turn = 0;
  #whenConnected: (() => void)[] = [];

  constructor(faults: Faults, violations: string[]) {
    this.#faults = faults;
    this.#violations = violations;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** The path of an address that lets in once. */
  newLink(): string {
    const ticket = randomUUID();
    this.#tickets.add(ticket);
    return `/link/?ticket=${ticket}&app_id=${app}`;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const ticket = new URL(request.url ?? "/", "http://fake").searchParams.get("ticket") ?? "";
    if (!this.#tickets.delete(ticket) || this.#sockets.size >= connectionsMax) {
      this.#violations.push("A socket was opened without a valid ticket, or one too many.");
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (opened) => this.#welcome(opened));
  }

  /** One try over one of the connections; waits until there is one. */
  async deliver(
    payload: Payload,
    retry: Retry | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const socket = await this.#next(signal);
    if (socket === undefined) return "connection_failed";
    const id = randomUUID();
    const acknowledged = this.#acknowledgementOf(id, socket, signal);
    socket.send(
      JSON.stringify({
        envelope_id: id,
        type: payload.type,
        payload: payload.body,
        accepts_response_payload: payload.type !== "events_api",
        ...(retry === undefined ? {} : { retry_attempt: retry.number, retry_reason: retry.reason }),
      }),
    );
    if (this.#faults.hits("dropped")) socket.terminate();
    return await acknowledged;
  }

  /** Tells the connections that there are to go, as Slack does every few hours. */
  requestDisconnect(reason: "warning" | "refresh_requested" | "link_disabled"): void {
    for (const socket of this.#sockets) {
      this.#leaving.add(socket);
      socket.send(
        JSON.stringify({ type: "disconnect", reason, debug_info: { host: "applink-fake" } }),
      );
    }
  }

  /** Ends all connections without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  /** The connections stay open, and nothing comes through them any more. */
  freeze(): void {
    for (const socket of this.#sockets) {
      socket.pause();
      this.#sockets.delete(socket);
      this.#frozen.add(socket);
    }
  }

  close(): void {
    for (const socket of this.#frozen) socket.terminate();
    this.cut();
    this.#server.close();
  }

  /** Undefined when it came in time; otherwise the reason why Slack sends the envelope again. */
  #acknowledgementOf(
    id: string,
    socket: WebSocket,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    return new Promise((resolve) => {
      const finish = (reason: string | undefined) => {
        clearTimeout(timer);
        socket.off("close", fail);
        signal.removeEventListener("abort", fail);
        resolve(reason);
      };
      const fail = () => finish("connection_failed");
      const timer = setTimeout(() => finish("timeout"), acknowledgeWithinMs);
      // Kept afterwards, too: an acknowledgement that comes late is no violation.
      this.#acknowledgements.set(id, finish);
      socket.once("close", fail);
      signal.addEventListener("abort", fail, { once: true });
    });
  }

  #welcome(socket: WebSocket): void {
    socket.on("message", (data: Buffer) => this.#onMessage(data.toString(), socket));
    socket.on("error", () => {});
    // Each delivery in flight waits for the socket's end, too.
    socket.setMaxListeners(0);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#leaving.delete(socket);
    });
    this.#sockets.add(socket);
    socket.send(
      JSON.stringify({
        type: "hello",
        num_connections: this.#sockets.size,
        connection_info: { app_id: app },
        debug_info: { host: "applink-fake", approximate_connection_time: 18_060 },
      }),
    );
    for (const resolve of this.#whenConnected) resolve();
    this.#whenConnected = [];
  }

  #onMessage(text: string, socket: WebSocket): void {
    let id: unknown;
    try {
      id = (JSON.parse(text) as { envelope_id?: unknown }).envelope_id;
    } catch {
      this.#violations.push("An acknowledgement was no JSON.");
      return;
    }
    const finish = typeof id === "string" ? this.#acknowledgements.get(id) : undefined;
    if (finish === undefined) {
      this.#violations.push("An envelope was acknowledged that was never sent.");
      return;
    }
    // The acknowledgement is lost, and the connection with it.
    if (this.#faults.hits("dropped")) socket.terminate();
    else finish(undefined);
  }

  async #next(signal: AbortSignal): Promise<WebSocket | undefined> {
    while (!signal.aborted) {
      const open = [...this.#sockets].filter((socket) => socket.readyState === socket.OPEN);
      const staying = open.filter((socket) => !this.#leaving.has(socket));
      const usable = staying.length > 0 ? staying : open;
      this.#turn += 1;
      const socket = usable[this.#turn % Math.max(usable.length, 1)];
      if (socket !== undefined) return socket;
      await new Promise<void>((resolve) => {
        this.#whenConnected.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return undefined;
  }
}
