import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { limits, type ToolSpec } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createWorld, type World } from "./testing/world.ts";

interface Seen {
  readonly line: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

let world: World;
let server: Server;
let base: string;
let seen: Seen[];
let respond: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  world = await createWorld({ env: { API_KEY: "Bearer sesame-street" } });
  seen = [];
  respond = (_, response) => void response.setHeader("content-type", "text/plain").end("fine");
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const line = `${request.method} ${request.url}`;
      seen.push({ line, headers: request.headers, body: Buffer.concat(chunks).toString() });
      respond(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await world.close();
});

function declare(more: object): void {
  const parameters = {
    type: "object",
    properties: { id: { type: "string" }, count: { type: "integer", maximum: 9 } },
    required: ["id"],
    additionalProperties: false,
  };
  const spec = {
    type: "http",
    name: "api",
    description: "Calls it.",
    parameters,
    url: `${base}/things/{id}`,
  };
  world.declare("main", [{ ...spec, ...more } as ToolSpec]);
}

describe("an HTTP tool", () => {
  test("sends the rest as query, with the declared headers and the key of the call", async () => {
    declare({ headers: { authorization: { fromEnv: "API_KEY" }, "x-plain": "yes" } });
    const result = await world.call("api", { id: "a b", count: 3 });
    expect(result).toEqual({ text: "fine", isError: false });
    expect(seen[0]?.line).toBe("GET /things/a%20b?count=3");
    expect(seen[0]?.headers).toMatchObject({
      authorization: "Bearer sesame-street",
      "x-plain": "yes",
      "idempotency-key": "turn-1:1",
    });
  });

  test("sends the rest as JSON body otherwise", async () => {
    declare({ method: "POST" });
    await world.call("api", { id: "7", count: 3 });
    expect(seen[0]).toMatchObject({ line: "POST /things/7", body: '{"count":3}' });
    expect(seen[0]?.headers["content-type"]).toBe("application/json");
  });

  test("says which arguments do not fit, and calls nothing", async () => {
    declare({});
    expect(await world.call("api", { id: 5, count: 10 })).toMatchObject({
      code: "tool_arguments_invalid",
      text: expect.stringContaining("arguments.id: must be string"),
    });
    expect(await world.call("api", { id: "x", colour: 1 })).toMatchObject({
      text: expect.stringContaining('"colour" is unknown'),
    });
    for (const text of ["{", "[]", "null", '"x"']) {
      expect(await world.call("api", text)).toMatchObject({ code: "tool_arguments_invalid" });
    }
    expect(seen).toEqual([]);
  });

  test("tells the status and the beginning of the body of an error, without secrets", async () => {
    declare({ headers: { authorization: { fromEnv: "API_KEY" } } });
    respond = (request, response) => {
      response.writeHead(500, { "content-type": "text/plain" });
      response.end(`you sent ${request.headers.authorization} ${"x".repeat(50_000)}`);
    };
    const result = await world.call("api", { id: "1" });
    expect(result).toMatchObject({ isError: true, code: "tool_failed" });
    expect(result.text).toMatch(/^HTTP 500 Internal Server Error\nyou sent \[secret\] x+$/);
    expect(result.text.length).toBeLessThan(5_000);
  });

  test("cuts a large body, without a part of a secret at the cut", async () => {
    declare({ headers: { authorization: { fromEnv: "API_KEY" } } });
    let aborted: Promise<unknown> | undefined;
    respond = (request, response) => {
      aborted = new Promise((resolve) => response.on("close", resolve));
      response.setHeader("content-type", "text/plain");
      response.write("x".repeat(limits.toolResultBytes - 8));
      response.write(`${request.headers.authorization}`);
      response.write("y".repeat(50_000_000));
    };
    const result = await world.call("api", { id: "1" });
    expect(result).toMatchObject({ isError: true, code: "tool_result_too_large" });
    expect(result.text).toMatch(/\[cut here[^\]]*\]$/);
    expect(result.text).not.toContain("Bearer");
    expect(Buffer.byteLength(result.text)).toBeLessThanOrEqual(limits.toolResultBytes);
    await aborted;
  });

  test("follows a redirect within its origin only", async () => {
    declare({ headers: { authorization: { fromEnv: "API_KEY" } } });
    respond = (request, response) => {
      if (request.url === "/moved") return void response.end("moved here");
      response.writeHead(302, { location: "/moved" }).end();
    };
    expect((await world.call("api", { id: "1" })).text).toBe("moved here");
    respond = (_, response) => {
      response.writeHead(302, { location: base.replace("127.0.0.1", "localhost") }).end();
    };
    seen = [];
    expect(await world.call("api", { id: "1" })).toMatchObject({
      code: "tool_failed",
      text: expect.stringContaining("another host"),
    });
    expect(seen).toHaveLength(1);
    respond = (_, response) => void response.writeHead(302, { location: "/again" }).end();
    expect(await world.call("api", { id: "1" })).toMatchObject({ code: "tool_failed" });
  });

  test("does not repeat a POST for a redirect", async () => {
    declare({ method: "POST" });
    respond = (_, response) => void response.writeHead(302, { location: "/moved" }).end();
    expect(await world.call("api", { id: "1" })).toMatchObject({ code: "tool_failed" });
    expect(seen).toHaveLength(1);
  });

  test("gives up after its time, and tells a broken connection from one never made", async () => {
    declare({ timeoutMs: 200 });
    respond = () => {};
    expect(await world.call("api", { id: "1" })).toMatchObject({ code: "tool_timeout" });
    respond = (request) => void request.socket.destroy();
    expect(await world.call("api", { id: "1" })).toMatchObject({ code: "tool_unavailable" });
    declare({ method: "POST" });
    expect(await world.call("api", { id: "1" })).toMatchObject({ code: "tool_outcome_unknown" });
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
    expect(await world.call("api", { id: "1" })).toMatchObject({ code: "tool_unavailable" });
    server.listen(0, "127.0.0.1");
  });

  test("is idempotent as declared, and by nature when it is a GET", async () => {
    const idempotent = async () =>
      (await world.tools.describe(world.context())).tools[0]?.idempotent;
    declare({});
    expect(await idempotent()).toBe(true);
    declare({ method: "POST" });
    expect(await idempotent()).toBe(false);
    declare({ method: "POST", idempotent: true });
    expect(await idempotent()).toBe(true);
  });

  test("names a missing secret, never its value, and refuses a host from the model", async () => {
    declare({ headers: { authorization: { fromEnv: "ABSENT" } } });
    expect(await world.call("api", { id: "1" })).toMatchObject({
      code: "tool_unavailable",
      text: expect.stringContaining("ABSENT"),
    });
    declare({ url: "http://{id}/x" });
    const { tools, missing } = await world.tools.describe(world.context());
    expect(tools).toEqual([]);
    expect(missing[0]).toContain("Tool api is left out: its URL has a place for an argument");
  });

  test("with a broken schema says so", async () => {
    declare({ parameters: { type: "objekt" } });
    expect(await world.call("api", { id: "1" })).toMatchObject({ code: "tool_unavailable" });
  });
});
