/**
 * A model provider for the benches in a process of its own, for model-process.ts: OpenAI's streaming chat
 * completions. The last user text begins with `#ID TOKENS `; the answer is `re:ID`, then filler up to so
 * many tokens, one event a token. It notes the time of each answer, from the request's last byte to the
 * answer's last write.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerParent } from "./child.ts";
import type { ModelAsk, ModelCall, ModelOptions } from "./model-process.ts";

const tickMs = 5;

let tokensPerSecond = Number.POSITIVE_INFINITY;
let held: (() => void)[] | undefined;
let waiting = 0;
let calls: ModelCall[] = [];
let asks: ModelAsk[] = [];
const sending = new Set<() => void>();
let timer: NodeJS.Timeout | undefined;

const server = createServer((incoming, response) => {
  readBody(incoming).then(
    (body) => answer(body, response),
    (error: unknown) => response.destroy(error as Error),
  );
});

// Node closes idle connections after five seconds, in the middle of a client's next request when that is slow.
server.keepAliveTimeout = 600_000;
server.requestTimeout = 0;

answerParent(
  {
    async start(options: ModelOptions) {
      tokensPerSecond = options.tokensPerSecond ?? Number.POSITIVE_INFINITY;
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    },
    hold() {
      held = [];
    },
    release() {
      for (const begin of held ?? []) begin();
      held = undefined;
    },
    waiting: () => waiting,
    takeCalls() {
      const taken = calls;
      calls = [];
      return taken;
    },
    takeAsks() {
      const taken = asks;
      asks = [];
      return taken;
    },
  },
  () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  },
);

async function readBody(incoming: IncomingMessage): Promise<RequestBody> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString("utf8")) as RequestBody;
}

interface RequestBody {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

function answer(body: RequestBody, response: ServerResponse): void {
  const startedAt = performance.now();
  const asked = lastUserText(body);
  const [, id = "", tokens = ""] = /^#(\S+) (\d+) /.exec(asked) ?? [];
  if (id === "") {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { message: "the text has no mark" } }));
    return;
  }
  asks.push({ id, at: performance.timeOrigin + startedAt });
  const begin = () => {
    if (response.destroyed) return;
    stream(response, body.model, `re:${id}`, Math.max(1, Number(tokens)), () => {
      calls.push({ id, ms: performance.now() - startedAt });
    });
  };
  if (!held) return begin();
  waiting += 1;
  response.once("close", () => {
    waiting -= 1;
  });
  held.push(begin);
}

function lastUserText({ messages }: RequestBody): string {
  const content = messages.findLast(({ role }) => role === "user")?.content;
  if (typeof content === "string") return content;
  const [part] = Array.isArray(content) ? (content as { text?: string }[]) : [];
  return part?.text ?? "";
}

/** Writes the tokens at their pace; all answers share one timer. */
function stream(
  response: ServerResponse,
  model: string,
  first: string,
  tokens: number,
  done: () => void,
): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const startedAt = performance.now();
  let sent = 0;
  const filler = event(model, { content: " tok" }, null);
  const advance = () => {
    if (response.destroyed) {
      sending.delete(advance);
      return;
    }
    const elapsed = (performance.now() - startedAt) / 1_000;
    const due = Math.min(tokens, Math.floor(elapsed * tokensPerSecond) || 0);
    let text = "";
    for (; sent < due; sent += 1)
      text += sent === 0 ? event(model, { content: first }, null) : filler;
    if (sent === tokens) {
      sending.delete(advance);
      response.end(`${text}${event(model, {}, "stop", tokens)}data: [DONE]\n\n`);
      done();
    } else if (text !== "") response.write(text);
    if (sending.size === 0) stopTimer();
  };
  if (tokensPerSecond === Number.POSITIVE_INFINITY) {
    let text = "";
    for (; sent < tokens; sent += 1) {
      text += sent === 0 ? event(model, { content: first }, null) : filler;
    }
    response.end(`${text}${event(model, {}, "stop", tokens)}data: [DONE]\n\n`);
    done();
    return;
  }
  sending.add(advance);
  timer ??= setInterval(() => {
    for (const each of sending) each();
  }, tickMs);
}

function stopTimer(): void {
  clearInterval(timer);
  timer = undefined;
}

function event(model: string, delta: object, finish: string | null, tokens?: number): string {
  const usage = tokens !== undefined && {
    usage: { prompt_tokens: 1, completion_tokens: tokens, total_tokens: tokens + 1 },
  };
  return `data: ${JSON.stringify({
    id: "chatcmpl-bench",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model,
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...usage,
  })}\n\n`;
}
