import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  anthropicWire,
  type FakeFinish,
  type FakeToolCall,
  type FakeUsage,
  type ModelWire,
  openAiWire,
} from "./fake-model-wire.ts";

/** What the server does with one request. */
export type ModelScript =
  | {
      readonly type: "text";
      readonly chunks: readonly string[];
      readonly usage?: FakeUsage;
      readonly finish?: FakeFinish;
    }
  /** As many tokens of filler as asked, for load. */
  | { readonly type: "tokens"; readonly count: number; readonly usage?: FakeUsage }
  | {
      readonly type: "tool-calls";
      readonly calls: readonly FakeToolCall[];
      readonly chunks?: readonly string[];
      readonly usage?: FakeUsage;
    }
  | {
      readonly type: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Never answers; with chunks, falls silent behind them. */
  | { readonly type: "hang"; readonly chunks?: readonly string[] }
  /** Dies behind `after` chunks: the socket is reset, or the stream just ends without its last event. */
  | {
      readonly type: "cut";
      readonly chunks: readonly string[];
      readonly after: number;
      readonly how?: "reset" | "end";
      /** Complete tool calls sent before it dies. */
      readonly calls?: readonly FakeToolCall[];
    }
  /** An event that is no JSON behind the chunks. */
  | { readonly type: "malformed"; readonly chunks?: readonly string[] }
  /** An error event inside the stream, e.g. `overloaded_error`. */
  | { readonly type: "error-event"; readonly error: string; readonly chunks?: readonly string[] }
  /** Any body with status 200. */
  | { readonly type: "raw"; readonly contentType: string; readonly body: string };

export interface FakeModelRequest {
  readonly api: "openai" | "anthropic";
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readonly<Record<string, any>>;
}

export interface FakeModelOptions {
  /** What to do with a request that no `next` script waits for; a short text by default. */
  readonly respond?: (request: FakeModelRequest) => ModelScript;
  /** Address to listen on, loopback by default. */
  readonly host?: string;
  /** Pace of text chunks per answer; as fast as possible when absent. */
  readonly tokensPerSecond?: number;
  /** Requests kept in `requests`, 1,000 by default; 0 keeps none (for load). */
  readonly recordedRequests?: number;
}

export interface FakeModelServer {
  /** Base URL, with /v1, of both the OpenAI chat completions and the Anthropic messages API. */
  readonly url: string;
  readonly requests: readonly FakeModelRequest[];
  /** Requests ever received, answers in progress now, and the most there were at once. */
  readonly counts: { readonly total: number; readonly active: number; readonly maxActive: number };
  /** Answers whose client went away before their end. */
  readonly abandoned: number;
  /** Queues scripts for the next requests, in order, before `respond` is asked. */
  next(...scripts: readonly ModelScript[]): void;
  respond(responder: (request: FakeModelRequest) => ModelScript): void;
  /** Resolves when `total` requests were received / `abandoned` reached the number. */
  received(total: number): Promise<void>;
  untilAbandoned(count: number): Promise<void>;
  close(): Promise<void>;
}

const tickMs = 10;

/** A model provider on loopback that speaks OpenAI's and Anthropic's streaming APIs and fails on demand. */
export async function startFakeModelServer(
  options: FakeModelOptions = {},
): Promise<FakeModelServer> {
  const queue: ModelScript[] = [];
  const requests: FakeModelRequest[] = [];
  const counts = { total: 0, active: 0, maxActive: 0 };
  const waiters = new Set<() => void>();
  const pacer = createPacer(options.tokensPerSecond);
  let respond =
    options.respond ?? (() => ({ type: "text", chunks: ["Hello", " there."] }) as const);
  let abandoned = 0;
  const notify = () => {
    for (const check of waiters) check();
  };
  const until = (reached: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!reached()) return;
        waiters.delete(check);
        resolve();
      };
      waiters.add(check);
      check();
    });

  const server = createServer((incoming, response) => {
    counts.active++;
    counts.maxActive = Math.max(counts.maxActive, counts.active);
    response.on("close", () => {
      counts.active--;
      if (!response.writableFinished && !response.destroyedByScript) abandoned++;
      notify();
    });
    readBody(incoming).then(
      (body) => {
        const api = incoming.url?.endsWith("/messages") ? "anthropic" : "openai";
        const request: FakeModelRequest = { api, headers: incoming.headers, body };
        counts.total++;
        if (requests.length < (options.recordedRequests ?? 1_000)) requests.push(request);
        const wire = api === "anthropic" ? anthropicWire() : openAiWire();
        play(queue.shift() ?? respond(request), String(body.model), wire, response, pacer);
        notify();
      },
      (error: unknown) => response.destroy(error as Error),
    );
  });
  const host = options.host ?? "127.0.0.1";
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://${host}:${port}/v1`,
    requests,
    counts,
    get abandoned() {
      return abandoned;
    },
    next: (...scripts) => void queue.push(...scripts),
    respond(responder) {
      respond = responder;
    },
    received: (total) => until(() => counts.total >= total),
    untilAbandoned: (count) => until(() => abandoned >= count),
    close() {
      pacer.stop();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

declare module "node:http" {
  interface ServerResponse {
    /** Set when a script, not the client, ends the connection early. */
    destroyedByScript?: boolean;
  }
}

function play(
  script: ModelScript,
  model: string,
  wire: ModelWire,
  response: ServerResponse,
  pacer: Pacer,
): void {
  if (script.type === "status") {
    response.writeHead(script.status, { "content-type": "application/json", ...script.headers });
    response.end(script.body ?? wire.errorBody(script.status));
    return;
  }
  if (script.type === "raw") {
    response.writeHead(200, { "content-type": script.contentType }).end(script.body);
    return;
  }
  if (script.type === "hang" && !script.chunks) return;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.write(wire.begin(model));
  const chunks = chunksOf(script);
  pacer.send(response, chunks, wire, () => finish(script, chunks.length, wire, response));
}

function chunksOf(script: ModelScript): readonly string[] {
  if (script.type === "tokens") {
    return Array.from({ length: script.count }, (_, index) => `${index === 0 ? "" : " "}word`);
  }
  const chunks = ("chunks" in script ? script.chunks : undefined) ?? [];
  return script.type === "cut" ? chunks.slice(0, script.after) : chunks;
}

function finish(script: ModelScript, sent: number, wire: ModelWire, response: ServerResponse) {
  const usage = ("usage" in script ? script.usage : undefined) ?? {
    inputTokens: 10,
    outputTokens: sent,
  };
  switch (script.type) {
    case "text":
      return void response.end(wire.end(script.finish ?? "stop", usage));
    case "tokens":
      return void response.end(wire.end("stop", usage));
    case "tool-calls":
      return void response.end(wire.toolCalls(script.calls) + wire.end("tool-calls", usage));
    case "malformed":
      return void response.end("data: {this is no json\n\n");
    case "error-event":
      return void response.end(wire.errorEvent(script.error, `fake ${script.error}`));
    case "cut": {
      response.destroyedByScript = true;
      const calls = script.calls ? wire.toolCalls(script.calls) : "";
      if (script.how === "end") return void response.end(calls);
      // The reset waits until what was written has left, so that the client really saw it.
      return void response.write(calls === "" ? ":\n\n" : calls, () =>
        response.socket?.resetAndDestroy(),
      );
    }
    case "status":
    case "raw":
    case "hang":
      // They were dealt with before, or have no end.
      return;
  }
}

interface Pacer {
  send(
    response: ServerResponse,
    chunks: readonly string[],
    wire: ModelWire,
    done: () => void,
  ): void;
  stop(): void;
}

/** One timer for all answers, however many there are; it runs only while some are being sent. */
function createPacer(tokensPerSecond: number | undefined): Pacer {
  const sending = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;
  const tick = () => {
    for (const advance of sending) advance();
    if (sending.size === 0) stop();
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    stop,
    send(response, chunks, wire, done) {
      if (tokensPerSecond === undefined || chunks.length === 0) {
        // One write per chunk, so that the client sees them apart.
        for (const chunk of chunks) response.write(wire.text(chunk));
        return done();
      }
      const startedAt = performance.now();
      let sent = 0;
      const advance = () => {
        const due = Math.floor(((performance.now() - startedAt) / 1000) * tokensPerSecond);
        const upTo = Math.min(due, chunks.length);
        const dueChunks = chunks.slice(sent, upTo);
        if (upTo > sent) response.write(dueChunks.map((chunk) => wire.text(chunk)).join(""));
        sent = upTo;
        if (response.destroyed || sent === chunks.length) sending.delete(advance);
        if (!response.destroyed && sent === chunks.length) done();
      };
      sending.add(advance);
      timer ??= setInterval(tick, tickMs);
    },
  };
}

async function readBody(incoming: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString("utf8");
  return text === "" ? {} : JSON.parse(text);
}
