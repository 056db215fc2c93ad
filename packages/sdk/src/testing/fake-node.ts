import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { HoldfastError, toHoldfastError } from "@holdfast/core";
import { createFakeState, type FakeState } from "./fake-state.ts";
import { routes } from "./fake-routes.ts";

/** A small HTTP server with the API's shapes and none of its promises, for tests of clients. */
export interface FakeNode extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly state: FakeState;
  /** Every request, oldest first. */
  readonly requests: readonly SeenRequest[];
  /** The next requests meet these faults, one each. */
  fail(...faults: readonly Fault[]): void;
  /** Breaks every open connection, as a killed node does. */
  dropConnections(): void;
  close(): Promise<void>;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

export type Fault =
  | { readonly type: "none" }
  | { readonly type: "break" }
  /** Handles the request, then breaks the connection instead of answering. */
  | { readonly type: "break-after" }
  | {
      readonly type: "answer";
      readonly status: number;
      readonly body: string;
      readonly headers?: Record<string, string>;
    };

export async function startFakeNode(port = 0): Promise<FakeNode> {
  const token = "hf_test_token";
  const state = createFakeState();
  const requests: SeenRequest[] = [];
  const faults: Fault[] = [];
  const sockets = new Set<Socket>();

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request);
    const url = new URL(request.url ?? "/", "http://fake");
    requests.push({
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body,
    });
    const fault = faults.shift() ?? { type: "none" };
    if (fault.type === "break") return void request.socket.destroy();
    if (fault.type === "answer") {
      return void response.writeHead(fault.status, fault.headers).end(fault.body);
    }
    try {
      if (
        !url.pathname.startsWith("/api/") ||
        request.headers.authorization === `Bearer ${token}`
      ) {
        const answer = await routes(state, { request, response, url, body });
        if (fault.type === "break-after") return void request.socket.destroy();
        if (answer) sendJson(response, answer.status, answer.body);
        return;
      }
      throw new HoldfastError("unauthenticated", "The token is unknown.");
    } catch (thrown) {
      sendError(response, toHoldfastError(thrown));
    }
  };

  const server = createServer((request, response) => {
    void handle(request, response).catch(() => request.socket.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));

  const dropConnections = () => {
    for (const socket of sockets) socket.destroy();
  };
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    dropConnections();
    await closed;
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    state,
    requests,
    fail: (...more) => void faults.push(...more),
    dropConnections,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = body === undefined ? "" : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json" }).end(text);
}

function sendError(response: ServerResponse, error: HoldfastError): void {
  const { code, message, details, retry, retryAfterMs } = error;
  if (retryAfterMs !== undefined) response.setHeader("retry-after", String(retryAfterMs / 1_000));
  sendJson(response, error.status, {
    error: { code, message, details, retry, requestId: "request-1" },
  });
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString("utf8");
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}
