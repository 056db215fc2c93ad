interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly event?: string;
  readonly ok?: boolean;
  readonly payload?: { readonly status?: string };
  readonly error?: { readonly message?: string };
}

export interface AgentRequest {
  readonly agentId: string;
  readonly sessionKey: string;
  readonly idempotencyKey: string;
  readonly message: string;
}

/** As little of the gateway's WebSocket protocol as it takes to have messages accepted. */
export class OpenClawGateway {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  readonly #connected = Promise.withResolvers<void>();
  readonly #token: string;
  #next = 1;

  private constructor(port: number, token: string) {
    this.#token = token;
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}`);
    this.#connected.promise.catch(() => undefined);
    this.#socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(String(data))));
    this.#socket.addEventListener("close", ({ code, reason }) =>
      this.#fail(new Error(`the gateway closed the connection: ${code} ${reason}`)),
    );
    this.#socket.addEventListener("error", () => this.#fail(new Error("the connection failed")));
  }

  static async connect(port: number, token: string): Promise<OpenClawGateway> {
    const gateway = new OpenClawGateway(port, token);
    await gateway.#connected.promise;
    return gateway;
  }

  /** Resolves when the gateway says that it accepted the message. Errors: it refuses; the connection ends. */
  async accept(request: AgentRequest): Promise<void> {
    await this.#ask("agent", { ...request, deliver: false });
  }

  close(): void {
    this.#socket.close();
  }

  #ask(method: string, params: object): Promise<void> {
    const id = String(this.#next);
    this.#next += 1;
    const answer = Promise.withResolvers<void>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ type: "req", id, method, params }));
    return answer.promise;
  }

  #take(frame: Frame): void {
    if (frame.event === "connect.challenge") {
      const client = { id: "gateway-client", version: "1", platform: "linux", mode: "backend" };
      this.#ask("connect", {
        minProtocol: 4,
        maxProtocol: 4,
        client,
        caps: [],
        auth: { token: this.#token },
        role: "operator",
        scopes: ["operator.admin", "operator.read", "operator.write"],
      }).then(this.#connected.resolve, this.#connected.reject);
      return;
    }
    // A second answer on an id tells the end of a run, which nobody waits for.
    const waiting = this.#waiting.get(frame.id ?? "");
    this.#waiting.delete(frame.id ?? "");
    if (frame.ok === true) waiting?.resolve();
    else waiting?.reject(new Error(frame.error?.message ?? "the gateway refused"));
  }

  #fail(error: Error): void {
    this.#connected.reject(error);
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}
