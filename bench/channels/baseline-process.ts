import { createHmac, timingSafeEqual } from "node:crypto";
import { Agent, type IncomingMessage, request } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { answerParent } from "../lib/child.ts";
import type { BaselineOptions } from "./baseline.ts";
import { SyncedFiles } from "./synced-files.ts";
import { secrets } from "./platforms.ts";

/**
 * The least that a durable answer to a webhook can be: a bare server verifies the signature, has the body on
 * disk in three files, answers 200, has the reply on disk in three files, and posts it. No state, no order, no
 * recovery, no engine, no other node.
 */
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
let stop = async (): Promise<void> => {};
answerParent({ start }, () => stop());

async function start({ folder, key, cert, stubUrl }: BaselineOptions): Promise<string> {
  const files = new SyncedFiles(folder, 3);
  const server = createServer({ key, cert, keepAliveTimeout: 120_000 });
  server.on("request", (incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.once("end", () => {
      const body = Buffer.concat(parts);
      if (!isGenuine(incoming, body)) return void response.writeHead(401).end();
      const handled = files.append(body).then(() => {
        response.writeHead(200, { "content-length": 0 }).end();
        return reply(files, stubUrl, body);
      });
      handled.catch((thrown: unknown) => console.error(thrown));
    });
  });
  stop = async () => {
    server.closeAllConnections();
    agent.destroy();
    await files.close();
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function reply(files: SyncedFiles, stubUrl: string, body: Buffer): Promise<void> {
  const { event, message } = JSON.parse(body.toString()) as Received;
  const method = event ? "slack/chat.postMessage" : "bot1/sendMessage";
  const text = JSON.stringify({ text: `echo: ${(event ?? message)?.text}` });
  await files.append(Buffer.from(text));
  await new Promise<void>((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": text.length };
    const sent = request(`${stubUrl}/${method}`, { method: "POST", agent, headers }, (answer) => {
      answer.resume().once("end", resolve);
    });
    sent.once("error", reject).end(text);
  });
}

interface Received {
  readonly event?: { readonly text: string };
  readonly message?: { readonly text: string };
}

function isGenuine({ headers }: IncomingMessage, body: Buffer): boolean {
  const signature = headers["x-slack-signature"];
  if (signature === undefined) {
    const { BENCH_TELEGRAM_SECRET: secret } = secrets;
    return isSame(String(headers["x-telegram-bot-api-secret-token"]), secret);
  }
  const hmac = createHmac("sha256", secrets.BENCH_SLACK_SIGNING);
  hmac.update(`v0:${String(headers["x-slack-request-timestamp"])}:`).update(body);
  return isSame(String(signature), `v0=${hmac.digest("hex")}`);
}

function isSame(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
