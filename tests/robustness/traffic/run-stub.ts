/**
 * The model provider and the tool server of the fault tests, in a process of their own. The model answers
 * `re #MARK #MARK`, naming each message that the turn holds; a message with `/pay` or `/safe` makes it call
 * that tool first. The tool server writes every effect into its own books before it answers.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type FakeModelRequest, type ModelScript, startFakeModelServer } from "@holdfast/testkit";
import { answerParent } from "../../../bench/lib/child.ts";
import { marksIn, monotonicMs, RecordWriter } from "./record.ts";

export interface StubOptions {
  readonly host: string;
  readonly tokensPerSecond: number;
  /** Tokens of an answer: its time is this over the pace. */
  readonly tokens: number;
  readonly toolMs: number;
  readonly effectsFile: string;
}

/** What the provider does instead of answering. */
export type Trouble = "none" | "rate-limited" | "hang" | "half";

interface ChatMessage {
  readonly role: string;
  readonly content: unknown;
  readonly tool_calls?: readonly unknown[];
}

let stop = async () => {};
let trouble: Trouble = "none";
let calls = 0;

answerParent(
  {
    async start(options: StubOptions) {
      const books = new RecordWriter(options.effectsFile);
      const tools = createServer((request, response) => {
        const [, tool, mark] = /^\/(pay|safe)\/([\w.-]+)$/.exec(request.url ?? "") ?? [];
        const key = String(request.headers["idempotency-key"]);
        request.resume();
        books.write({ t: "effect", at: monotonicMs(), tool, mark, key });
        setTimeout(() => answerTool(response), options.toolMs);
      });
      tools.keepAliveTimeout = 600_000;
      await new Promise<void>((resolve) => tools.listen(0, options.host, resolve));
      const model = await startFakeModelServer({
        host: options.host,
        tokensPerSecond: options.tokensPerSecond,
        recordedRequests: 0,
        respond: (request) => answerModel(request, options.tokens),
      });
      stop = async () => {
        await model.close();
        tools.closeAllConnections();
        await new Promise((resolve) => tools.close(resolve));
        books.close();
      };
      const { port } = tools.address() as AddressInfo;
      return { modelUrl: model.url, toolUrl: `http://${options.host}:${port}` };
    },
    trouble(kind: Trouble) {
      trouble = kind;
    },
    calls: () => calls,
  },
  () => stop(),
);

function answerTool(response: ServerResponse): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ done: true }));
}

function answerModel({ body }: FakeModelRequest, tokens: number): ModelScript {
  calls += 1;
  const open = openMessages(body["messages"] as ChatMessage[]);
  const asked = open.filter(({ role }) => role === "user").map(({ content }) => textOf(content));
  const text = `re ${asked
    .flatMap(marksIn)
    .map((mark) => `#${mark}`)
    .join(" ")}`;
  if (trouble === "rate-limited") {
    return { type: "status", status: 429, headers: { "retry-after": "1" } };
  }
  if (trouble === "hang") return { type: "hang" };
  if (trouble === "half") return { type: "cut", chunks: [text, " and"], after: 2 };
  const results = open.filter(({ role }) => role === "tool").map(({ content }) => textOf(content));
  const wanted = asked.flatMap((each) =>
    [...each.matchAll(/#([\w-]+\.\d+) \/(pay|safe)/g)].map(([, mark = "", tool = ""]) => {
      return { id: `call_${mark}`, name: tool, arguments: JSON.stringify({ mark }) };
    }),
  );
  if (wanted.length > 0 && results.length === 0) return { type: "tool-calls", calls: wanted };
  const isUnknown = results.some((result) => /outcome unknown/i.test(result));
  const filler = Array.from({ length: Math.max(0, tokens - 1) }, () => " .");
  return { type: "text", chunks: [isUnknown ? `${text} !unknown` : text, ...filler] };
}

/** What the turn added: everything behind the last finished answer. */
function openMessages(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const last = messages.findLastIndex(
    ({ role, tool_calls }) => role === "assistant" && (tool_calls ?? []).length === 0,
  );
  return messages.slice(last + 1);
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  const parts = Array.isArray(content) ? (content as { text?: string }[]) : [];
  return parts.map(({ text = "" }) => text).join("\n");
}
