import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import {
  type Clock,
  type Conversations,
  HoldfastError,
  type KeyValue,
  type Random,
  type ResourceStore,
  toHoldfastError,
} from "@holdfast/core";
import type { Tokens } from "@holdfast/security";
import { WebSocketServer } from "ws";
import type { Health } from "../http/dependencies.ts";
import { RateLimits } from "../http/rate-limits.ts";
import { type ApiTls, createTlsServer } from "../http/tls-server.ts";
import { Connection, type ConnectionTools } from "./connection.ts";
import type { GatewayServices } from "./client.ts";
import { SessionHub } from "./hub.ts";
import { gatewayLimits } from "./limits.ts";
import { describeClient } from "./presence.ts";
import { SessionIndex } from "./session-index.ts";
import { TokenUsage } from "./token-usage.ts";

export interface GatewayDependencies {
  readonly conversations: Conversations;
  readonly resources: ResourceStore;
  readonly tokens: Tokens;
  readonly health: Health;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  readonly node: string;
  /** Where the list of sessions stands; without it a node lists only those that it saw itself. */
  readonly keyValue: KeyValue | undefined;
  readonly tls: ApiTls | undefined;
  readonly host: string;
  readonly port: GatewayPort;
  readonly report: (error: HoldfastError, where: string) => void;
  /** Says what a person should know. */
  readonly warn: (text: string) => void;
  /** Shorter times and smaller bounds than those of `gatewayLimits`, for tests. */
  readonly timing?: Partial<Pick<ConnectionTools, "tickMs" | "handshakeMs" | "bufferedBytes">>;
}

export interface GatewayPort {
  readonly number: number;
  /** Somebody chose it: then the node does not start without it. */
  readonly isChosen: boolean;
}

export interface Gateway {
  /** Undefined when the default port was taken and the gateway is not there. */
  readonly port: number | undefined;
  close(): Promise<void>;
}

/** The port of OpenClaw's own gateway, so that its clients find this one by themselves. */
export const defaultGatewayPort = 18_789;

/**
 * Lets the clients of OpenClaw's gateway talk to the agents of the cluster: version 4 of its protocol for
 * operators, over WebSocket. Errors: `port_taken` for a chosen port, `invalid_configuration`.
 */
export async function startGateway(dependencies: GatewayDependencies): Promise<Gateway> {
  const { host, port, warn } = dependencies;
  const gateway = new GatewayServer(dependencies);
  try {
    return await gateway.listen(host, port.number);
  } catch (thrown) {
    await gateway.close();
    const { code = "" } = thrown as NodeJS.ErrnoException;
    const problem = `Port ${port.number} on ${host} for clients of OpenClaw cannot be listened at (${code})`;
    const remedy =
      "Stop what listens there, or set HOLDFAST_GATEWAY_PORT to another port, or to off";
    if (!port.isChosen) {
      warn(`${problem}: the node runs without it. ${remedy}.`);
      return { port: undefined, async close() {} };
    }
    const error = code === "EADDRINUSE" ? "port_taken" : "invalid_configuration";
    throw new HoldfastError(error, `${problem}. ${remedy}.`, { cause: thrown });
  }
}

class GatewayServer {
  readonly #dependencies: GatewayDependencies;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #connections = new Set<Connection>();
  /** Those of nobody known yet. */
  readonly #strangers = new Set<Connection>();
  readonly #hub: SessionHub;
  readonly #index: SessionIndex;
  readonly #tools: ConnectionTools;
  #cancelTick = () => {};
  #isClosing = false;

  constructor(dependencies: GatewayDependencies) {
    const { conversations, clock, random, keyValue, report, tokens, timing, tls } = dependencies;
    this.#dependencies = dependencies;
    this.#index = new SessionIndex({ keyValue, clock, report });
    this.#hub = new SessionHub({ conversations, clock, index: this.#index, report });
    this.#tools = {
      services: this.#services(),
      tokens,
      usage: new TokenUsage(),
      rates: new RateLimits(clock),
      clock,
      random,
      tickMs: gatewayLimits.tickMs,
      handshakeMs: gatewayLimits.handshakeMs,
      bufferedBytes: gatewayLimits.bufferedBytes,
      report,
      ...timing,
    };
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: gatewayLimits.frameBytes,
      // Compressing costs more than it saves for frames of this size, and lets a small frame grow large.
      perMessageDeflate: false,
      clientTracking: false,
    });
    const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head);
    this.#server = makeServer(tls, upgrade);
  }

  async listen(host: string, port: number): Promise<Gateway> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#server.on("error", (error) =>
      this.#dependencies.report(toHoldfastError(error), "gateway"),
    );
    this.#tick();
    const { port: actual } = this.#server.address() as AddressInfo;
    return { port: actual, close: () => this.close() };
  }

  /** Clients are told and have a moment for what they asked; then they find another node. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#cancelTick();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const connections = [...this.#connections];
    await Promise.all(connections.map((each) => each.leave(gatewayLimits.drainMs)));
    this.#hub.close();
    this.#index.close();
    this.#dependencies.clock.schedule(gatewayLimits.closeMs, () =>
      this.#server.closeAllConnections(),
    );
    // Upgraded connections are no longer the server's own.
    await Promise.all(connections.map((each) => each.closed));
    this.#server.closeAllConnections();
    await closed;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    if (this.#isClosing || this.#connections.size >= gatewayLimits.connections) {
      socket.end(
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
      );
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new Connection(webSocket, this.#tools, () =>
        this.#strangers.delete(connection),
      );
      this.#connections.add(connection);
      this.#strangers.add(connection);
      this.#cutOldestStranger();
      webSocket.once("close", () => {
        this.#connections.delete(connection);
        this.#strangers.delete(connection);
      });
      limitBeforeConnect(socket, connection, head.length);
    });
  }

  /** Over the limit the one goes that has shown no token for longest: whoever opens many keeps nobody out. */
  #cutOldestStranger(): void {
    const [oldest] = this.#strangers;
    if (!oldest || this.#strangers.size <= gatewayLimits.strangers) return;
    this.#strangers.delete(oldest);
    oldest.cut();
  }

  #services(): GatewayServices {
    const { conversations, resources, health, clock, version, node } = this.#dependencies;
    return {
      conversations,
      resources,
      health,
      clock,
      version,
      node,
      hub: this.#hub,
      index: this.#index,
      startedAt: clock.monotonic(),
      presence: (caller) => {
        const clients = [...this.#connections]
          .flatMap(({ client }) => (client ? [client] : []))
          .filter(({ caller: other }) => other.organization === caller.organization)
          .slice(0, presenceMax);
        const now = clock.now();
        const own = { host: node, version, platform: process.platform, mode: "gateway" };
        const gateway = { ...own, reason: "self", text: `Holdfast node ${node}`, ts: now };
        return [gateway, ...clients.map((client) => describeClient(client, now))];
      },
    };
  }

  #tick(): void {
    this.#cancelTick = this.#dependencies.clock.schedule(this.#tools.tickMs, () => {
      for (const connection of this.#connections) connection.tick();
      this.#tick();
    });
  }
}

/** Clients that a listing of who is connected shows. */
const presenceMax = 100;

/** Who has shown no token may not make the node hold a large frame. */
function limitBeforeConnect(socket: Duplex, connection: Connection, already: number): void {
  let bytes = already;
  const count = (chunk: Buffer) => {
    if (connection.isAdmitted) return void socket.off("data", count);
    bytes += chunk.length;
    if (bytes > gatewayLimits.preAuthBytes) connection.cut();
  };
  // Before the WebSocket's own listener, so that it never sees what is too much.
  socket.prependListener("data", count);
}

function makeServer(
  tls: ApiTls | undefined,
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Server {
  const options = {
    maxHeaderSize: gatewayLimits.upgradeHeaderBytes,
    headersTimeout: gatewayLimits.upgradeMs,
    requestTimeout: gatewayLimits.upgradeMs,
  };
  const server = tls
    ? createTlsServer(tls, options, refuseHttp, gatewayLimits.upgradeMs, upgrade)
    : createServer(options, refuseHttp).on("upgrade", upgrade);
  server.maxConnections = gatewayLimits.connections;
  return server;
}

const refuseHttp: RequestListener = (_request, response) => {
  const text = "This port speaks the WebSocket protocol of OpenClaw's gateway.\n";
  response.writeHead(426, {
    "content-type": "text/plain",
    upgrade: "websocket",
    connection: "close",
  });
  response.end(text);
};
