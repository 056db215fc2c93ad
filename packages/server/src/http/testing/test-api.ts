import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { Writable } from "node:stream";
import type { Clock, Random } from "@holdfast/core";
import { createTokens } from "@holdfast/security";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { createHttpApi } from "../create-http-api.ts";
import type { ClusterEntry } from "../cluster-entry.ts";
import type { HttpDependencies, HttpTiming, Readiness } from "../dependencies.ts";
import { MemoryConversations } from "./memory-conversations.ts";
import { memoryKeyValue } from "./memory-key-value.ts";
import { MemoryResources } from "./memory-resources.ts";

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs).unref();
    return () => clearTimeout(timer);
  },
  soon: (run) => setImmediate(run),
};

export const realRandom: Random = {
  next: () => Math.random(),
  token: (length) => Array.from(randomBytes(length), (byte) => (byte % 36).toString(36)).join(""),
};

type OperatorParts = Pick<
  HttpDependencies,
  "channels" | "clusterAdmin" | "storeRepair" | "authorityControl" | "mayDeclare"
>;

/** A listening API with two organizations: demo (agents greeter, writer) and other (greeter). */
export async function startTestApi(
  timing: Partial<HttpTiming> = {},
  cluster?: ClusterEntry,
  operators: OperatorParts = {},
) {
  const conversations = new MemoryConversations();
  const resources = new MemoryResources();
  await resources.apply(
    [
      { kind: "Organization", name: "demo" },
      { kind: "Organization", name: "other" },
      { kind: "Agent", organization: "demo", name: "greeter", model: "default" },
      { kind: "Agent", organization: "demo", name: "writer", model: "default" },
      { kind: "Agent", organization: "other", name: "greeter", model: "default" },
    ],
    {},
  );
  const tokens = await createTokens({
    keyValue: memoryKeyValue(),
    random: realRandom,
    clock: realClock,
  });
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const state: { live: boolean; readiness: Readiness } = {
    live: true,
    readiness: { ready: true, checks: [{ name: "engine", ok: true, detail: "reachable" }] },
  };
  const app: FastifyInstance = await createHttpApi({
    conversations,
    resources,
    tokens,
    health: { live: () => state.live, ready: async () => state.readiness },
    metrics: { render: async () => "holdfast_turns_total 1\n" },
    clock: realClock,
    random: realRandom,
    log: pino({ level: "debug" }, sink),
    version: "1.2.3",
    ...(cluster && { cluster }),
    ...operators,
    timing,
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const admin = (await tokens.create({ name: "admin", organization: null })).token;
  const demo = (await tokens.create({ name: "demo", organization: "demo" })).token;

  const call = async (method: string, path: string, options: CallOptions = {}) => {
    const { body, token = admin, headers = {} } = options;
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const text = await response.text();
    const type = response.headers.get("content-type") ?? "";
    const json: unknown =
      type.startsWith("application/json") && text !== "" ? JSON.parse(text) : undefined;
    // Tests look into answers of many shapes.
    // oxlint-disable-next-line typescript/no-explicit-any
    return { status: response.status, headers: response.headers, text, json: json as any };
  };
  return {
    app,
    url,
    port,
    admin,
    demo,
    call,
    conversations,
    resources,
    tokens,
    lines,
    state,
    close: () => app.close(),
  };
}

export interface CallOptions {
  /** Text is sent as it stands. */
  readonly body?: unknown;
  readonly token?: string | null;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export type TestApi = Awaited<ReturnType<typeof startTestApi>>;
