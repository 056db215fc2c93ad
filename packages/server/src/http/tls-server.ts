import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TlsOptions } from "node:tls";

/** First byte of a TLS record that opens a handshake (RFC 8446, section 5.1). */
const handshake = 22;

/** The certificates that the API shows, replaceable while it runs. */
export interface ApiTls {
  options(): TlsOptions;
  /** Whether plain HTTP is answered too; only ever on loopback. */
  readonly allowsPlain: boolean;
  /** Calls `listen` when the certificates were replaced. */
  onChange(listen: () => void): void;
}

/**
 * A server that answers HTTPS, and plain HTTP where that is allowed, at one port: what a connection
 * speaks shows in its first byte.
 */
export function createTlsServer(
  tls: ApiTls,
  options: ServerOptions,
  handler: RequestListener,
  firstByteTimeoutMs: number,
  onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Server {
  const server = createServer(options, handler);
  const handshakeTimeout = firstByteTimeoutMs;
  const secure = createSecureServer({ ...options, ...tls.options(), handshakeTimeout }, handler);
  if (onUpgrade) for (const each of [server, secure]) each.on("upgrade", onUpgrade);
  tls.onChange(() => secure.setSecureContext(tls.options()));
  secure.on("tlsClientError", (_error, socket) => socket.destroy());
  const plain = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  /** All connections, and those of which no byte has come. */
  const sockets = new Set<Socket>();
  const silent = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    silent.add(socket);
    socket.setTimeout(firstByteTimeoutMs, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      silent.delete(socket);
    });
    socket.once("readable", () => {
      silent.delete(socket);
      const first = socket.read(1) as Buffer | null;
      if (first === null) return socket.destroy();
      socket.setTimeout(0);
      socket.unshift(first);
      if (first[0] === handshake) {
        // As a server of TLS alone makes it: a client that goes away takes the connection along.
        socket.allowHalfOpen = false;
        secure.emit("connection", socket);
      } else if (tls.allowsPlain) for (const serve of plain) serve.call(server, socket);
      else socket.destroy();
    });
  });
  closeTogether(server, secure, { sockets, silent });
  return server;
}

/** The secure server never listens itself, so what ends its connections is called by the other's. */
function closeTogether(
  server: Server,
  secure: ReturnType<typeof createSecureServer>,
  { sockets, silent }: { readonly sockets: Set<Socket>; readonly silent: Set<Socket> },
): void {
  // It begins to keep track of its connections with this event.
  server.once("listening", () => secure.emit("listening"));
  const closeIdle = server.closeIdleConnections.bind(server);
  const closeAll = server.closeAllConnections.bind(server);
  const close = server.close.bind(server);
  server.closeIdleConnections = () => {
    closeIdle();
    secure.closeIdleConnections();
    for (const socket of silent) socket.destroy();
  };
  server.closeAllConnections = () => {
    closeAll();
    for (const socket of sockets) socket.destroy();
  };
  server.close = (done) => {
    secure.close();
    return close(done);
  };
}
