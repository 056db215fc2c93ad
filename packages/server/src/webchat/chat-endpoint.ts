import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Channels, HoldfastError } from "@holdfast/core";
import { WebSocketServer } from "ws";
import type { RouteContext } from "../http/dependencies.ts";
import { AddressBuckets } from "../http/token-bucket.ts";
import { ChatConnection, type ChatTools } from "./chat-connection.ts";
import { webchatLimits } from "./limits.ts";
import { isAllowedOrigin } from "./origins.ts";
import { Places } from "./place.ts";
import { chatAccount } from "./web-account.ts";

const address = /^\/chat\/([a-z0-9-]{1,63})\/([a-z0-9-]{1,63})\/ws(?:\?|$)/;

/** True for requests that open a chat's WebSocket; others ask for protocols that nobody has to speak. */
export function isChatUpgrade({ url = "", headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket" && address.test(url);
}

/** All browsers whose chats are connected to this node. */
export class ChatEndpoint {
  readonly #channels: Channels;
  readonly #context: RouteContext;
  readonly #sockets: WebSocketServer;
  readonly #tools: ChatTools;
  readonly #places: Places;
  readonly #connections = new Set<ChatConnection>();
  /** Those that have not said who they are. */
  readonly #strangers = new Set<ChatConnection>();
  readonly #byAccount = new Map<string, number>();
  readonly #byVisitor = new Map<string, number>();
  readonly #unlisten: () => void;
  #cancelTick = () => {};
  #isClosing = false;

  constructor(context: RouteContext, channels: Channels) {
    const { conversations, resources, clock, log } = context;
    this.#context = context;
    this.#channels = channels;
    this.#places = new Places(resources, channels);
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: webchatLimits.frameBytes,
      // Compressing lets a small frame grow large, and costs memory for every connection.
      perMessageDeflate: false,
      clientTracking: false,
    });
    const { messagesPerSecond: perSecond, messageBurst: burst, countedVisitors } = webchatLimits;
    this.#tools = {
      channels,
      conversations,
      places: this.#places,
      clock,
      sends: new AddressBuckets(clock, { perSecond, burst }, countedVisitors),
      admit: (connection, visitor) => this.#admit(connection, visitor),
      report: (error: HoldfastError, where) => log.warn({ code: error.code, where }, error.message),
    };
    this.#unlisten = channels.registry.onChange(() => {
      for (const connection of this.#connections) connection.checkAccount();
    });
    this.#tick();
  }

  /** Takes over a request for which `isChatUpgrade` is true. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const [, organization = "", name = ""] = address.exec(request.url ?? "") ?? [];
    const chat = chatAccount(this.#channels, organization, name);
    if (!chat) return refuse(socket, 404);
    if (!isAllowedOrigin(request.headers, chat.web.settings)) return refuse(socket, 403);
    if (this.#isClosing || this.#isFull(organization, name)) return refuse(socket, 503);
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new ChatConnection(webSocket, { organization, name }, this.#tools);
      const account = `${organization}/${name}`;
      this.#connections.add(connection);
      count(this.#byAccount, account, 1);
      this.#strangers.add(connection);
      this.#cutOldestStranger();
      webSocket.once("close", () => {
        this.#connections.delete(connection);
        count(this.#byAccount, account, -1);
        this.#strangers.delete(connection);
      });
    });
  }

  /** The browsers are told, and find another node. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#cancelTick();
    this.#unlisten();
    const connections = [...this.#connections];
    for (const connection of connections) connection.leave();
    const cancel = this.#context.clock.schedule(webchatLimits.closeMs, () => {
      for (const connection of connections) connection.cut();
    });
    await Promise.all(connections.map(({ closed }) => closed));
    cancel();
    this.#places.close();
  }

  #admit(connection: ChatConnection, visitor: string): boolean {
    const { organization, name } = connection.account;
    const key = `${organization}/${name}/${visitor}`;
    if ((this.#byVisitor.get(key) ?? 0) >= webchatLimits.connectionsPerVisitor) return false;
    this.#strangers.delete(connection);
    count(this.#byVisitor, key, 1);
    void connection.closed.then(() => count(this.#byVisitor, key, -1));
    return true;
  }

  /** Over the limit the one goes that has not said hello for longest: whoever opens many keeps nobody out. */
  #cutOldestStranger(): void {
    const [oldest] = this.#strangers;
    if (!oldest || this.#strangers.size <= webchatLimits.strangers) return;
    this.#strangers.delete(oldest);
    oldest.cut();
  }

  #isFull(organization: string, name: string): boolean {
    return (
      this.#connections.size >= webchatLimits.connections ||
      (this.#byAccount.get(`${organization}/${name}`) ?? 0) >= webchatLimits.connectionsPerAccount
    );
  }

  #tick(): void {
    this.#cancelTick = this.#context.clock.schedule(webchatLimits.tickMs, () => {
      for (const connection of this.#connections) connection.tick();
      this.#tick();
    });
  }
}

function count(counts: Map<string, number>, key: string, by: number): void {
  const now = (counts.get(key) ?? 0) + by;
  if (now > 0) counts.set(key, now);
  else counts.delete(key);
}

function refuse(socket: Duplex, status: number): void {
  const wait = status === 503 ? "Retry-After: 1\r\n" : "";
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${wait}`;
  socket.end(`${head}Connection: close\r\nContent-Length: 0\r\n\r\n`);
}
