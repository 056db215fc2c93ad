/** The model of all contenders and the counter of effects, for stub.ts. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerParent } from "../lib/child.ts";
import type { Effect } from "./stub.ts";

interface RequestBody {
  readonly model?: string;
  readonly stream?: boolean;
  readonly messages?: readonly { readonly role: string; readonly content: unknown }[];
}

const delays = 13;
let delayMs = 0;
let effects: Map<string, number> | undefined;
let requests = 0;
let requestBytes = 0;

const server = createServer((incoming, response) => {
  read(incoming).then(
    (body) => begin(body, response),
    (error: unknown) => response.destroy(error as Error),
  );
});

// Node closes idle connections after five seconds, in the middle of a client's next request when that is slow.
server.keepAliveTimeout = 600_000;
server.requestTimeout = 0;

answerParent(
  {
    async start() {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    },
    setDelay(ms: number) {
      delayMs = ms;
    },
    watch() {
      effects = new Map();
    },
    effects: (): Effect[] => [...(effects ?? [])].map(([id, count]) => ({ id, count })),
    answered: () => effects?.size ?? 0,
    takeRequestBytes() {
      const mean = requests === 0 ? 0 : requestBytes / requests;
      requests = 0;
      requestBytes = 0;
      return mean;
    },
  },
  () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  },
);

async function read(incoming: IncomingMessage): Promise<RequestBody> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const text = Buffer.concat(parts);
  requests += 1;
  requestBytes += text.byteLength;
  return JSON.parse(text.toString("utf8")) as RequestBody;
}

function begin(body: RequestBody, response: ServerResponse): void {
  const asked = newestUserText(body);
  const ids = [...asked.matchAll(/#(\w+(?:\.\w+)+) /g)].map(([, id = ""]) => id);
  if (delayMs === 0) answer(ids, body, response);
  else setTimeout(() => answer(ids, body, response), delayMs * (1 + (requests % delays) / 4));
}

/** Also of a message without a mark: a system may ask its model on its own account. */
function answer(ids: readonly string[], body: RequestBody, response: ServerResponse): void {
  // A caller that was killed has ended its side, which alone does not end ours: it never has the answer.
  const { socket } = response;
  if (!socket || socket.destroyed || socket.readableEnded) return;
  const text = ids.length === 0 ? "ok" : ids.map((id) => `re:${id}`).join(" ");
  response.end(body.stream === true ? streamed(text, body, response) : whole(text, body, response));
  if (effects) for (const id of ids) effects.set(id, (effects.get(id) ?? 0) + 1);
}

const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };

function whole(text: string, { model }: RequestBody, response: ServerResponse): string {
  response.writeHead(200, { "content-type": "application/json" });
  const message = { role: "assistant", content: text };
  return JSON.stringify({
    ...head("chat.completion", model),
    choices: [{ index: 0, message, finish_reason: "stop" }],
    usage,
  });
}

function streamed(text: string, { model }: RequestBody, response: ServerResponse): string {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const event = (delta: object, finish: string | null) =>
    `data: ${JSON.stringify({
      ...head("chat.completion.chunk", model),
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...(finish !== null && { usage }),
    })}\n\n`;
  return `${event({ role: "assistant", content: text }, null)}${event({}, "stop")}data: [DONE]\n\n`;
}

function head(object: string, model = "stub"): object {
  return { id: "chatcmpl-stub", object, created: 1_700_000_000, model };
}

/** What users said since the last answer: OpenClaw puts messages of its own behind theirs. */
function newestUserText({ messages = [] }: RequestBody): string {
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  return messages
    .slice(last + 1)
    .filter(({ role }) => role === "user")
    .map(({ content }) => textOf(content))
    .join("\n");
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return (content as { text?: string }[]).map(({ text = "" }) => text).join("\n");
}
