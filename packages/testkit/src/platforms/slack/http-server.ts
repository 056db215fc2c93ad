import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Faults } from "./faults.ts";
import { writeSlowly } from "./post-webhook.ts";
import type { ApiRequest, ApiResponse } from "./web-api.ts";
import type { StoredFile } from "./workspace.ts";

const lostAnswerAfterMs = 150;

export interface HttpHandlers {
  readonly call: (request: ApiRequest) => ApiResponse;
  readonly file: (id: string, token: string | undefined) => StoredFile | undefined;
  readonly faults: Faults;
}

/** The Web API under `/api/`, and the files. */
export async function startHttpServer(
  handlers: HttpHandlers,
): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => {
    answer(request, response, handlers).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { call, faults, file }: HttpHandlers,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://fake");
  const token = request.headers.authorization?.replace(/^Bearer /, "");
  const [, area = "", name = ""] = pathname.split("/");
  if (area === "files-pri") return answerFile(response, file(name.split("-")[1] ?? "", token));
  if (area === "login") {
    response.writeHead(200, { "content-type": "text/html" }).end("<p>Sign in</p>");
    return;
  }
  const args = { ...Object.fromEntries(searchParams), ...(await readArgs(request)) };
  const { body, headers, isLost, status } = call({ method: name, token, args });
  if (isLost === true) {
    await pause(lostAnswerAfterMs);
    request.socket.destroy();
    return;
  }
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
  if (!faults.hits("slow")) return void response.end(bytes);
  await writeSlowly(bytes, (part) => response.write(part));
  response.end();
}

/** Who may not have a file is sent to a page for people. */
function answerFile(response: ServerResponse, file: StoredFile | undefined): void {
  if (file === undefined) {
    response.writeHead(302, { location: "/login" }).end();
    return;
  }
  response.writeHead(200, { "content-type": file.mimetype }).end(file.data);
}

async function readArgs(request: IncomingMessage): Promise<Record<string, string>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  if (request.headers["content-type"]?.startsWith("application/json") !== true) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  const fields = Object.entries(JSON.parse(text) as Record<string, unknown>);
  return Object.fromEntries(
    fields.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}
