import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { limits, type ToolSpec } from "@holdfast/core";
import { createVirtualClock } from "@holdfast/testkit";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createWorld, type World } from "../testing/world.ts";

const fixture = (file: string) => fileURLToPath(new URL(`../testing/${file}`, import.meta.url));

function stdio(mode = "normal", more: object = {}, file = "mcp-stdio-server.ts"): ToolSpec {
  const transport = { type: "stdio", command: process.execPath, args: [fixture(file), mode] };
  return { type: "mcp", name: "fix", transport: { ...transport, ...more } } as ToolSpec;
}

let world: World;
beforeEach(async () => {
  world = await createWorld({
    env: { TOKEN: "hush-hush", UNRELATED: "of the node" },
  });
});
afterEach(() => world.close());

/** A process that has ended but that nobody has buried yet counts as gone. */
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
};

describe("an MCP server over stdio", () => {
  test("lists its tools under its name and runs them", async () => {
    world.declare("main", [stdio()]);
    const { tools, missing } = await world.tools.describe(world.context());
    expect(missing).toEqual([]);
    const add = tools.find((tool) => tool.name === "fix__add");
    expect(add).toMatchObject({ description: "Adds two numbers.", idempotent: true });
    expect(tools.find((tool) => tool.name === "fix__hang")?.idempotent).toBe(false);
    expect(await world.call("fix__add", { a: 2, b: 3 })).toEqual({ text: "5", isError: false });
    expect(await world.call("fix__fail", {})).toEqual({
      text: "it is broken",
      isError: true,
      code: "tool_failed",
    });
    expect(await world.call("fix__add", { a: "two", b: 3 })).toMatchObject({
      code: "tool_arguments_invalid",
      text: expect.stringContaining("arguments.a: must be number"),
    });
    expect(await world.call("fix__nothing", {})).toMatchObject({
      code: "tool_not_found",
      text: expect.stringContaining("fix__add"),
    });
  });

  test("gets no environment but what is declared, and its stderr goes to the log without secrets", async () => {
    world.declare("main", [stdio("normal", { env: { FIXTURE_SECRET: { fromEnv: "TOKEN" } } })]);
    const { text } = await world.call("fix__environment", {});
    const environment = JSON.parse(text) as Record<string, string>;
    expect(Object.keys(environment).sort()).toEqual(["FIXTURE_SECRET", "HOME", "LANG", "PATH"]);
    expect(text).toContain("[secret]");
    expect(text).not.toContain("hush-hush");
    await vi.waitFor(() => expect(world.logged.join()).toContain("started with [secret]"));
    expect(world.logged.join()).not.toContain("hush-hush");
  });

  test("is one process for all agents of an organization, and another for another organization", async () => {
    world.declare("main", [stdio()]);
    world.declare("other", [stdio()]);
    world.declare("main", [stdio()], "rival");
    const change = (changes: object) => world.call("fix__pid", {}, changes);
    const pids = [
      (await change({})).text,
      (await change({ agent: "other" })).text,
      (await change({ organization: "rival" })).text,
    ];
    expect(pids[0]).toBe(pids[1]);
    expect(pids[2]).not.toBe(pids[0]);
    expect(world.tools.status().mcpServers).toHaveLength(2);
    await world.tools.close();
    expect(pids.map(Number).filter(isAlive)).toEqual([]);
  });

  test("that dies in the middle of a call is an unknown outcome, is left alone, and comes back", async () => {
    world.declare("main", [stdio(), { type: "memory" }]);
    expect(await world.call("fix__die", {})).toMatchObject({ code: "tool_outcome_unknown" });
    const away = await world.tools.describe(world.context());
    expect(away.tools.map((tool) => tool.name)).toContain("memory_read");
    expect(away.missing[0]).toMatch(/The tools of fix: the server ended with code 3/);
    expect(await world.call("fix__add", { a: 1, b: 1 })).toMatchObject({
      code: "tool_unavailable",
    });
    await vi.waitFor(
      async () => {
        expect((await world.call("fix__add", { a: 1, b: 1 })).text).toBe("2");
      },
      { timeout: 5_000 },
    );
    expect(await world.call("fix__die-safely", {})).toMatchObject({ code: "tool_unavailable" });
  });

  test("that hangs is a timeout, and the call is cancelled", async () => {
    world.declare("main", [{ ...stdio(), timeoutMs: 2_000 } as ToolSpec]);
    expect(await world.call("fix__hang", {})).toMatchObject({ code: "tool_timeout" });
    await vi.waitFor(() => expect(world.logged.join()).toContain("cancelled by the client"));
    expect((await world.call("fix__add", { a: 1, b: 1 })).text).toBe("2");
  });

  test("stops waiting when the turn is aborted", async () => {
    world.declare("main", [stdio()]);
    await world.tools.describe(world.context());
    const turn = new AbortController();
    const call = world.call("fix__hang", {}, { signal: turn.signal });
    const reason = new Error("the turn is over");
    setImmediate(() => turn.abort(reason));
    await expect(call).rejects.toBe(reason);
  });

  test("that lists 1,000 tools is cut to what an agent may have, and allow reaches all of them", async () => {
    world.declare("main", [stdio("thousand")]);
    const { tools, missing } = await world.tools.describe(world.context());
    expect(tools).toHaveLength(limits.toolsPerAgent);
    expect(tools[0]?.name).toBe("fix__tool-0");
    expect(missing).toEqual([
      `${1_000 - limits.toolsPerAgent} of 1000 tools of fix are left out: an agent has ${limits.toolsPerAgent}.`,
    ]);
    world.declare("main", [{ ...stdio("thousand"), allow: ["tool-999", "absent"] } as ToolSpec]);
    const picked = await world.tools.describe(world.context());
    expect(picked.tools.map((tool) => tool.name)).toEqual(["fix__tool-999"]);
    expect(picked.missing[0]).toContain("absent");
  });

  test("that returns 50 MB is cut while it arrives", async () => {
    world.declare("main", [stdio()]);
    await world.tools.describe(world.context());
    const { text, code, isError } = await world.call("fix__huge", {});
    expect({ code, isError }).toEqual({ code: "tool_result_too_large", isError: true });
    expect(text.startsWith("01234567890123456789")).toBe(true);
    expect(text).toContain("[cut here");
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limits.toolResultBytes);
    expect(await world.call("fix__large", {})).toMatchObject({ code: "tool_result_too_large" });
    expect((await world.call("fix__add", { a: 1, b: 1 })).text).toBe("2");
  });

  test("that adds a tool is listed anew", async () => {
    world.declare("main", [stdio()]);
    await world.call("fix__grow", {});
    await vi.waitFor(async () => expect((await world.call("fix__grown", {})).text).toBe("here"), {
      timeout: 5_000,
    });
  });

  test("that cannot start, or never answers, holds nobody up for long", async () => {
    const absent = stdio("x", { command: "/nowhere/command" });
    world.declare("main", [
      stdio("dead"),
      { ...absent, name: "absent" } as ToolSpec,
      { type: "memory" },
    ]);
    const { tools, missing } = await world.tools.describe(world.context());
    expect(tools.map((tool) => tool.name)).toContain("memory_read");
    expect(missing.join()).toContain("ended with code 7");
    expect(missing.join()).toContain("/nowhere/command cannot be started (ENOENT)");

    world.declare("main", [stdio("silent"), { type: "memory" }]);
    const began = performance.now();
    const silent = await world.tools.describe(world.context());
    expect(performance.now() - began).toBeLessThan(limits.toolListWaitMs + 1_500);
    expect(silent.missing.join()).toContain("is still starting");
    const again = performance.now();
    await world.tools.describe(world.context());
    expect(performance.now() - again).toBeLessThan(500);
    expect((await world.call("memory_list", {})).isError).toBe(false);
  });

  test("of the older protocol that ends at unknown messages is spoken to in its own", async () => {
    world.declare("main", [stdio("", {}, "mcp-legacy-server.ts")]);
    const { tools } = await world.tools.describe(world.context());
    expect(tools[0]?.name).toMatch(/^fix__echo_it_[0-9a-f]{8}$/);
    const { text } = await world.call(tools[0]?.name ?? "", { x: 1 });
    expect(text).toBe('{"x":1}');
  });

  test("that ignores SIGTERM is killed with its whole group on close", async () => {
    world.declare("main", [stdio("stubborn")]);
    const { text } = await world.call("fix__pid", {});
    await world.tools.close();
    expect(isAlive(Number(text))).toBe(false);
    expect(await world.call("fix__pid", {})).toMatchObject({ code: "tool_unavailable" });
  });
});

describe("no MCP server outlives", () => {
  test("the time that nobody used it", async () => {
    const clock = createVirtualClock();
    const quiet = await createWorld({ clock });
    quiet.declare("main", [stdio()]);
    const { text } = await quiet.call("fix__pid", {});
    await clock.advance(limits.mcpIdleMs / 2);
    expect(quiet.tools.status().mcpServers).toMatchObject([{ state: "ready" }]);
    expect((await quiet.call("fix__pid", {})).text).toBe(text);
    await clock.advance(limits.mcpIdleMs * 1.5);
    expect(quiet.tools.status().mcpServers).toEqual([]);
    await vi.waitFor(() => expect(isAlive(Number(text))).toBe(false), { timeout: 3_000 });
    expect((await quiet.call("fix__pid", {})).text).not.toBe(text);
    await quiet.close();
  });

  test("the process that started it", async () => {
    const child = spawn(process.execPath, [fixture("exit-without-close.ts")]);
    const gone = once(child, "exit");
    const [printed] = (await once(child.stdout, "data")) as [Buffer];
    await gone;
    await vi.waitFor(() => expect(isAlive(Number(printed.toString()))).toBe(false));
  });
});

describe("an MCP server over streamable HTTP", () => {
  async function startServer() {
    const child = spawn(process.execPath, [fixture("mcp-http-server.ts")], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [port] = (await once(child.stdout, "data")) as [Buffer];
    const url = `http://127.0.0.1:${port.toString().trim()}/mcp`;
    const spec: ToolSpec = { type: "mcp", name: "web", transport: { type: "http", url } };
    return { child, spec };
  }

  test("lists, runs, cuts, times out, and survives the server's death", async () => {
    const { child, spec } = await startServer();
    const gone = once(child, "exit");
    try {
      world.declare("main", [{ ...spec, timeoutMs: 3_000 }]);
      const { tools, missing } = await world.tools.describe(world.context());
      expect(missing).toEqual([]);
      expect(tools.map((tool) => tool.name)).toContain("web__add");
      expect(await world.call("web__add", { a: 2, b: 3 })).toEqual({ text: "5", isError: false });
      const huge = await world.call("web__huge", {});
      expect(huge.code).toBe("tool_result_too_large");
      expect(huge.text.startsWith("0123456789")).toBe(true);
      expect(await world.call("web__hang", {})).toMatchObject({ code: "tool_timeout" });
      expect(await world.call("web__die", {})).toMatchObject({ code: "tool_outcome_unknown" });
      await gone;
      const away = await world.tools.describe(world.context());
      expect(away.tools).toEqual([]);
      expect(away.missing[0]).toContain("The tools of web: the server");
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("of the older protocol: sessions are begun anew, streams that end early are unknown outcomes", async () => {
    let session = 0;
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        if (request.method !== "POST") return response.writeHead(405).end();
        const message = JSON.parse(Buffer.concat(chunks).toString());
        const isFirst = message.method === "initialize";
        if (isFirst) session++;
        const known = request.headers["mcp-session-id"] === `s${session}`;
        if (!isFirst && !known) return response.writeHead(session === 0 ? 400 : 404).end();
        if (message.id === undefined) return response.writeHead(202).end();
        if (message.params?.name === "half") {
          response.writeHead(200, { "content-type": "text/event-stream" });
          return response.end(": nothing more\n\n");
        }
        const result = legacyResult(message);
        response.writeHead(200, {
          "content-type": "application/json",
          "mcp-session-id": `s${session}`,
        });
        response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      world.declare("main", [{ type: "mcp", name: "old", transport: { type: "http", url } }]);
      expect(await world.call("old__whole", {})).toEqual({ text: "whole", isError: false });
      session++;
      expect((await world.call("old__whole", {})).isError).toBe(true);
      await vi.waitFor(
        async () => expect((await world.call("old__whole", {})).text).toBe("whole"),
        { timeout: 5_000 },
      );
      expect(await world.call("old__half", {})).toMatchObject({ code: "tool_outcome_unknown" });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

function legacyResult(message: {
  method: string;
  params: { name: string; protocolVersion: string };
}) {
  if (message.method === "initialize") {
    const { protocolVersion } = message.params;
    const serverInfo = { name: "old", version: "1" };
    return { protocolVersion, capabilities: { tools: {} }, serverInfo };
  }
  const tool = (name: string) => ({ name, inputSchema: { type: "object" } });
  if (message.method === "tools/list") return { tools: [tool("whole"), tool("half")] };
  return { content: [{ type: "text", text: message.params.name }] };
}
