import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { answerParent } from "../lib/child.ts";
import { monotonicMs } from "./monotonic.ts";
import { messageIn } from "./platforms.ts";
import type { Arrivals } from "./stub.ts";

/** The platforms' APIs, answered at once: of the replies it keeps when they came. */
const server = createServer({ keepAliveTimeout: 120_000 });
let messages: number[] = [];
let times: number[] = [];
let posts = 0;
answerParent({ start, count: () => messages.length, take }, async () => {
  server.closeAllConnections();
});

async function start(): Promise<string> {
  server.on("request", (request, response) => {
    const at = monotonicMs();
    const method = methodOf(request);
    const isSend = method === "chat.postMessage" || method === "sendMessage";
    let body = "";
    request.setEncoding("latin1").on("data", (text: string) => {
      body += text;
    });
    request.once("end", () => {
      if (isSend) keep(body, at);
      const text = JSON.stringify(answerOf(method));
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
      });
      response.end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What came since it was asked last. */
function take(): Arrivals {
  const taken = { messages: Float64Array.from(messages), times: Float64Array.from(times) };
  messages = [];
  times = [];
  return taken;
}

function keep(body: string, at: number): void {
  const message = messageIn(body);
  if (message === undefined) return;
  messages.push(message);
  times.push(at);
}

function methodOf({ url = "" }: IncomingMessage): string {
  return url.slice(url.lastIndexOf("/") + 1);
}

function answerOf(method: string): object {
  posts += 1;
  switch (method) {
    case "auth.test":
      return { ok: true, user: "bench", team: "Bench", user_id: "U0BENCHBOT", bot_id: "B0BENCH" };
    case "users.info":
      return { ok: true, user: { name: "person" } };
    case "chat.postMessage":
      return { ok: true, channel: "D1", ts: `1700000000.${String(posts % 1e6).padStart(6, "0")}` };
    case "sendMessage":
      return { ok: true, result: { message_id: posts } };
    case "getMe":
      return { ok: true, result: { id: 1, is_bot: true, first_name: "Bench", username: "bench" } };
    case "getWebhookInfo":
      return { ok: true, result: { url: "https://example.org/", pending_update_count: 0 } };
    default:
      return { ok: true, result: true };
  }
}
