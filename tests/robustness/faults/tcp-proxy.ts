import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Random } from "@holdfast/core";

export interface ProxyOptions {
  /** Where it listens. */
  readonly host: string;
  readonly upstream: { readonly host: string; readonly port: number };
  readonly random: Random;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

const resetTickMs = 1_000;

/**
 * A bad line between two hosts: it delays, resets, and swallows answers. What it carries stays encrypted
 * from end to end; it knows nothing but bytes and times.
 */
export class TcpProxy {
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #timer: NodeJS.Timeout;
  #isSwallowing = false;
  resets = 0;
  /** Milliseconds in each direction. */
  delayMs = 0;
  /** Share of the open connections that are reset each second, 0 to 1. */
  resetShare = 0;

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#server = createServer((client) => this.#open(client));
    this.#timer = setInterval(() => this.#resetSome(), resetTickMs);
  }

  static async start(options: ProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, options.host, resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /**
   * Lets requests through and loses their answers for so long, then resets every connection: what the
   * server did in that time, its client never learns.
   */
  loseAnswers(ms: number): Promise<void> {
    this.#isSwallowing = true;
    return new Promise((resolve) =>
      setTimeout(() => {
        for (const pair of this.#pairs) this.#reset(pair);
        this.#isSwallowing = false;
        resolve();
      }, ms),
    );
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const pair of this.#pairs) this.#reset(pair);
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #open(client: Socket): void {
    const server = connect(this.#options.upstream);
    const pair = { client, server };
    this.#pairs.add(pair);
    const end = () => {
      if (!this.#pairs.delete(pair)) return;
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", end);
      socket.on("close", end);
    }
    this.#carry(client, server, () => false);
    this.#carry(server, client, () => this.#isSwallowing);
  }

  #carry(from: Socket, to: Socket, isLost: () => boolean): void {
    let lastDue = 0;
    from.on("data", (bytes: Buffer) => {
      if (isLost()) return;
      const now = performance.now();
      lastDue = Math.max(lastDue, now + this.delayMs);
      if (this.delayMs === 0 && lastDue <= now) to.write(bytes);
      else setTimeout(() => to.writable && to.write(bytes), lastDue - now);
    });
    from.on("end", () => setTimeout(() => to.end(), Math.max(0, lastDue - performance.now())));
  }

  #resetSome(): void {
    for (const pair of this.#pairs) {
      if (this.#options.random.next() < this.resetShare) this.#reset(pair);
    }
  }

  #reset(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    this.resets += 1;
    pair.client.resetAndDestroy();
    pair.server.resetAndDestroy();
  }
}
