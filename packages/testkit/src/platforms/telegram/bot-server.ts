import type { IncomingMessage, ServerResponse } from "node:http";
import type { FaultRates } from "../fake-platform.ts";
import { type Answer, done, refused } from "./answers.ts";
import { listen } from "./fake-http.ts";
import { type Parameters_, tooMany } from "./messages.ts";

type Method = (parameters: Parameters_, signal: AbortSignal) => Answer | Promise<Answer>;
type Canned = Answer | "cut" | { readonly status: number; readonly text: string };

interface BotServerOptions {
  readonly token: string;
  readonly bot: { readonly id: number };
  readonly speed: number;
  readonly hits: (fault: keyof FaultRates) => boolean;
  readonly methods: Readonly<Record<string, Method>>;
}

export interface BotServer {
  readonly url: string;
  isRevoked: boolean;
  readonly calls: Readonly<Record<string, number>>;
  called(method: string, times: number): Promise<void>;
  answerNext(method: string, answer: Canned): void;
  addFile(data: Uint8Array, path: string): string;
  close(): Promise<void>;
}

const fileBytesMax = 20 * 1024 * 1024;
const lostAnswerMs = 30;
const slowMs = 1_000;
const slowPieces = 4;

/** `/bot<token>/<method>` and `/file/bot<token>/<path>`, with the faults of the network on top. */
export async function createBotServer(options: BotServerOptions): Promise<BotServer> {
  const { token, hits, speed } = options;
  const files = new Map<string, { readonly data: Uint8Array; readonly path: string }>();
  const canned = new Map<string, Canned[]>();
  const calls: Record<string, number> = {};
  const waiters = new Set<() => void>();
  const timers = new Set<NodeJS.Timeout>();

  const methods: Readonly<Record<string, Method>> = {
    ...options.methods,
    getFile({ file_id: id }) {
      const file = files.get(String(id));
      if (!file) return refused(400, "Bad Request: invalid file_id");
      if (file.data.byteLength > fileBytesMax) return refused(400, "Bad Request: file is too big");
      return done({
        file_id: id,
        file_unique_id: `unique-${String(id)}`,
        file_size: file.data.byteLength,
        file_path: file.path,
      });
    },
  };

  const http = await listen(async (request, body, response) => {
    const path = decodeURIComponent((request.url ?? "").split("?")[0] ?? "");
    const match = /^\/(file\/)?bot([^/]+)\/(.+)$/.exec(path);
    const rest = match?.[3] ?? "";
    if (!match || !/^\d+:[\w-]{30,}$/.test(match[2] ?? "")) {
      return reply(response, refused(404, "Not Found"));
    }
    if (match[2] !== token || server.isRevoked) {
      return reply(response, refused(401, "Unauthorized"));
    }
    if (match[1] !== undefined) return replyFile(response, rest);
    const method = methods[rest];
    if (!method) return reply(response, refused(404, "Not Found"));
    calls[rest] = (calls[rest] ?? 0) + 1;
    for (const waiter of waiters) waiter();
    await call(rest, method, request, body, response);
  });

  const server: BotServer = {
    url: http.url,
    isRevoked: false,
    calls,
    called: (method, times) =>
      new Promise((resolve) => {
        const look = () => {
          if ((calls[method] ?? 0) < times) return;
          waiters.delete(look);
          resolve();
        };
        waiters.add(look);
        look();
      }),
    answerNext(method, answer) {
      canned.set(method, [...(canned.get(method) ?? []), answer]);
    },
    addFile(data, path) {
      const id = `file-${files.size + 1}`;
      files.set(id, { data, path });
      return id;
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      await http.close();
    },
  };
  return server;

  async function call(
    name: string,
    method: Method,
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    const instead = canned.get(name)?.shift();
    if (instead === "cut") return void response.destroy();
    if (instead && "text" in instead) {
      response.writeHead(instead.status, { "content-type": "text/html" }).end(instead.text);
      return;
    }
    if (instead) return reply(response, instead);
    if (hits("tooMany")) return reply(response, tooMany(1_000 / speed, speed));
    if (hits("serverError")) return reply(response, refused(500, "Internal Server Error"));

    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const parameters = parametersOf(request, body);
    if (!parameters) return reply(response, refused(400, "Bad Request: can't parse the request"));
    const answer = await method(parameters, gone.signal);
    if (name === "sendMessage" && answer.status === 200 && hits("lostAnswer")) {
      return later(lostAnswerMs, () => response.destroy());
    }
    if (name === "getUpdates" && hits("dropped")) return void response.destroy();
    reply(response, answer, hits("slow"));
  }

  function reply(response: ServerResponse, { status, body }: Answer, isSlow = false): void {
    response.writeHead(status, { "content-type": "application/json" });
    const text = Buffer.from(JSON.stringify(body));
    if (!isSlow) return void response.end(text);
    const size = Math.ceil(text.length / slowPieces);
    for (let piece = 0; piece < slowPieces; piece += 1) {
      later((piece * slowMs) / slowPieces, () => {
        response.write(text.subarray(piece * size, (piece + 1) * size));
        if (piece === slowPieces - 1) response.end();
      });
    }
  }

  function replyFile(response: ServerResponse, path: string): void {
    const file = [...files.values()].find((other) => other.path === path);
    if (!file) return reply(response, refused(404, "Not Found"));
    response.writeHead(200, { "content-type": "application/octet-stream" }).end(file.data);
  }

  function later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
  }
}

/** From the body, as JSON or as a form, and from the URL. */
function parametersOf(request: IncomingMessage, body: Buffer): Parameters_ | undefined {
  const query = Object.fromEntries(new URL(request.url ?? "", "http://fake").searchParams);
  const type = request.headers["content-type"] ?? "";
  if (body.length === 0) return query;
  if (type.startsWith("application/x-www-form-urlencoded")) {
    return { ...query, ...Object.fromEntries(new URLSearchParams(body.toString("utf8"))) };
  }
  try {
    return { ...query, ...(JSON.parse(body.toString("utf8")) as Record<string, unknown>) };
  } catch {
    return undefined;
  }
}
