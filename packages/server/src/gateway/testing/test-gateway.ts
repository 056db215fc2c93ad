import { once } from "node:events";
import { createTokens } from "@holdfast/security";
import { WebSocket } from "ws";
import { MemoryConversations } from "../../http/testing/memory-conversations.ts";
import { memoryKeyValue } from "../../http/testing/memory-key-value.ts";
import { MemoryResources } from "../../http/testing/memory-resources.ts";
import { realClock, realRandom } from "../../http/testing/test-api.ts";
import { type GatewayDependencies, startGateway } from "../start-gateway.ts";

/** A listening gateway with two organizations: demo (agents greeter, writer) and other (greeter). */
export async function startTestGateway(options: Partial<GatewayDependencies> = {}) {
  const conversations = new MemoryConversations();
  const resources = new MemoryResources();
  await resources.apply(
    [
      { kind: "Organization", name: "demo" },
      { kind: "Organization", name: "other" },
      { kind: "Agent", organization: "demo", name: "greeter", model: "default" },
      { kind: "Agent", organization: "demo", name: "writer", model: "openai/gpt-x" },
      { kind: "Agent", organization: "other", name: "greeter", model: "default" },
    ],
    {},
  );
  const keyValue = memoryKeyValue();
  const tokens = await createTokens({ keyValue, random: realRandom, clock: realClock });
  const reports: string[] = [];
  const readiness = { ready: true, checks: [{ name: "engine", ok: true, detail: "reachable" }] };
  const warnings: string[] = [];
  const dependencies: GatewayDependencies = {
    conversations,
    resources,
    tokens,
    health: { live: () => true, ready: async () => readiness },
    clock: realClock,
    random: realRandom,
    version: "1.2.3",
    node: "n1",
    keyValue,
    tls: undefined,
    host: "127.0.0.1",
    port: { number: 0, isChosen: true },
    report: (error, where) => reports.push(`${where}: ${error.message}`),
    warn: (text) => warnings.push(text),
    ...options,
  };
  const gateway = await startGateway(dependencies);
  const admin = (await tokens.create({ name: "admin", organization: null })).token;
  const demo = (await tokens.create({ name: "demo", organization: "demo" })).token;
  const url = `ws://127.0.0.1:${gateway.port}`;
  return {
    ...gateway,
    url,
    conversations,
    resources,
    tokens,
    readiness,
    reports,
    warnings,
    admin,
    demo,
    keyValue,
  };
}

export type TestGateway = Awaited<ReturnType<typeof startTestGateway>>;

// Tests look into frames of many shapes.
// oxlint-disable-next-line typescript/no-explicit-any
export type Frame = any;

/** A client that keeps every frame it got, and waits for those that a test asks for. */
export class TestClient {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #waiting = new Set<() => void>();
  #ids = 0;

  constructor(url: string, options: { autoPong?: boolean } = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on("message", (data) => {
      this.frames.push(JSON.parse((data as Buffer).toString("utf8")));
      for (const check of this.#waiting) check();
    });
    this.socket.on("error", () => undefined);
    this.closed = new Promise((resolve) =>
      this.socket.once("close", (code, reason) => {
        for (const check of this.#waiting) check();
        resolve({ code, reason: String(reason) });
      }),
    );
  }

  /** The first frame that fits, there already or still to come. */
  until(fits: (frame: Frame) => boolean): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = this.frames.find(fits);
        if (found) resolve(found);
        else if (this.socket.readyState >= WebSocket.CLOSING) reject(new Error("closed"));
        else return;
        this.#waiting.delete(check);
      };
      this.#waiting.add(check);
      check();
    });
  }

  event(name: string, fits: (payload: Frame) => boolean = () => true): Promise<Frame> {
    return this.until(
      ({ type, event, payload }) => type === "event" && event === name && fits(payload),
    ).then(({ payload }) => payload);
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** Resolves to the first answer, whether it is good or an error. */
  async call(method: string, params?: unknown): Promise<Frame> {
    const id = `r${(this.#ids += 1)}`;
    this.send({ type: "req", id, method, params });
    return this.until((frame) => frame.type === "res" && frame.id === id);
  }

  /** Resolves to both answers of `agent`. */
  async agent(params: object): Promise<readonly [Frame, Frame]> {
    const first = await this.call("agent", params);
    if (!first.ok) throw new Error(first.error.message);
    const last = await this.until(
      (frame) => frame.type === "res" && frame.id === first.id && frame !== first,
    );
    return [first, last];
  }

  close(): Promise<unknown> {
    this.socket.close();
    return this.closed;
  }
}

export function connectParams(token: string | undefined, more: object = {}): object {
  return {
    minProtocol: 4,
    maxProtocol: 4,
    client: { id: "cli", version: "1.0.0", platform: "linux", mode: "cli" },
    role: "operator",
    scopes: ["operator.read", "operator.write"],
    caps: [],
    ...(token !== undefined && { auth: { token } }),
    ...more,
  };
}

export async function openClient(
  url: string,
  token: string,
  more: object = {},
): Promise<TestClient> {
  const client = new TestClient(url);
  await once(client.socket, "open");
  const hello = await client.call("connect", connectParams(token, more));
  if (!hello.ok) throw new Error(hello.error.message);
  return client;
}
