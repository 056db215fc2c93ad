import { connect, createServer, type Server, type Socket } from "node:net";

/** The way to the mail server, which can be cut. */
export class ImapGate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isShut = false;
  /** Connections since the start. */
  connections = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(target: number): Promise<ImapGate> {
    const server = createServer({ allowHalfOpen: false });
    const gate = new ImapGate(server);
    server.on("connection", (near) => {
      gate.connections += 1;
      if (gate.#isShut) return near.destroy();
      const far = connect(target, "127.0.0.1");
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        gate.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          gate.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
      return undefined;
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return gate;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets nobody in, and cuts who is in; or opens again. */
  shut(isShut: boolean): void {
    this.#isShut = isShut;
    if (isShut) this.cut();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }
}
