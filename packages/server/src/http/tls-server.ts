import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { Socket } from "node:net";
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
): Server {
  const server = createServer(options, handler);
  const secure = createSecureServer({ ...options, ...tls.options() }, handler);
  tls.onChange(() => secure.setSecureContext(tls.options()));
  secure.on("tlsClientError", (_error, socket) => socket.destroy());
  const plain = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    socket.setTimeout(firstByteTimeoutMs, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.once("readable", () => {
      const first = socket.read(1) as Buffer | null;
      if (first === null) return socket.destroy();
      socket.setTimeout(0);
      socket.unshift(first);
      if (first[0] === handshake) secure.emit("connection", socket);
      else if (tls.allowsPlain) for (const serve of plain) serve.call(server, socket);
      else socket.destroy();
    });
  });
  closeTogether(server, secure);
  return server;
}

/** The secure server never listens itself, so what ends its connections is called by the other's. */
function closeTogether(server: Server, secure: ReturnType<typeof createSecureServer>): void {
  // It begins to keep track of its connections with this event.
  server.once("listening", () => secure.emit("listening"));
  const { closeIdleConnections, closeAllConnections, close } = server;
  server.closeIdleConnections = () => {
    closeIdleConnections.call(server);
    secure.closeIdleConnections();
  };
  server.closeAllConnections = () => {
    closeAllConnections.call(server);
    secure.closeAllConnections();
  };
  server.close = (done) => {
    secure.close();
    return close.call(server, done);
  };
}
