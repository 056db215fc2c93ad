import { readFileSync } from "node:fs";
import { getCACertificates, setDefaultCACertificates } from "node:tls";

/** A client that keeps its connection and the events that come over it. */
export class Follower {
  readonly #socket: WebSocket;
  readonly #frames: any[] = [];
  readonly #onFrame = new Set<() => void>();
  #ids = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.#frames.push(JSON.parse(String(data)));
      for (const check of this.#onFrame) check();
    });
  }

  static async open(url: string, token: string, ca: string): Promise<Follower> {
    setDefaultCACertificates([...getCACertificates("default"), readFileSync(ca, "utf8")]);
    const follower = new Follower(new WebSocket(url));
    await follower.#until(({ event }) => event === "connect.challenge");
    await follower.call("connect", {
      minProtocol: 4,
      maxProtocol: 4,
      client: { id: "test", version: "1", platform: "linux", mode: "test" },
      auth: { token },
    });
    return follower;
  }

  async call(method: string, params: object): Promise<any> {
    const id = `r${(this.#ids += 1)}`;
    this.#socket.send(JSON.stringify({ type: "req", id, method, params }));
    const { ok, payload, error } = await this.#until((frame) => frame.id === id);
    if (!ok) throw new Error(`${method}: ${error.message}`);
    return payload;
  }

  /** The texts with which runs of a session ended. */
  finals(sessionKey: string): string[] {
    return this.#frames
      .filter(({ event, payload }) => event === "chat" && payload.sessionKey === sessionKey)
      .filter(({ payload }) => payload.state === "final" && payload.message)
      .map(({ payload }) => payload.message.content[0].text);
  }

  close(): void {
    this.#socket.close();
  }

  #until(fits: (frame: any) => boolean): Promise<any> {
    return new Promise((resolve) => {
      const check = () => {
        const found = this.#frames.find(fits);
        if (found) {
          this.#onFrame.delete(check);
          resolve(found);
        }
      };
      this.#onFrame.add(check);
      check();
    });
  }
}
