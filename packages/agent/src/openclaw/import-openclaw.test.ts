import { symlink } from "node:fs/promises";
import { type Agent, HoldfastError, type Provider } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { skillText, testFolder } from "../workspace/test-folder.ts";
import { type ImportResult, importOpenClaw } from "./import-openclaw.ts";

const options = {
  organization: "acme",
  env: { REGION: "eu", HOME_PATH: "/srv" },
  platform: "linux",
};
const config = (text: string, more: Record<string, string> = {}) =>
  testFolder({ "openclaw.json": text, ...more });
const agents = (result: ImportResult) =>
  result.resources.filter((resource): resource is Agent => resource.kind === "Agent");
const providers = (result: ImportResult) =>
  result.resources.filter((resource): resource is Provider => resource.kind === "Provider");
const left = (result: ImportResult, path: string) => result.left.find((note) => note.path === path);

describe("agents", () => {
  test("of agents.entries get their models, workspaces, skills and queue", async () => {
    await using folder = await config(
      `{
        // JSON5
        agents: {
          defaults: { model: { primary: 'anthropic/claude-x', fallbacks: ['openai/gpt-x', 'nowhere/x'] },
                      skills: ['weather'], sandbox: { mode: 'off' } },
          entries: {
            main: { identity: { name: 'Ada', theme: 'calm', emoji: 'x' } },
            Ops_Bot: { model: 'fast', workspace: './ops', skills: [], params: { temperature: 0.2 } },
          },
        },
        messages: { queue: { mode: 'collect', debounceMs: 900, cap: 5 } },
      }`.replace("sandbox:", "models: { 'openrouter/acme/big': { alias: 'Fast' } }, sandbox:"),
      {
        "workspace-main/AGENTS.md": "main rules",
        "workspace-main/skills/weather/SKILL.md": skillText("weather"),
        "workspace-main/skills/other/SKILL.md": skillText("other"),
        "ops/SOUL.md": "ops soul",
        "ops/skills/weather/SKILL.md": skillText("weather"),
        "skills/weather/SKILL.md": skillText("weather", "", "shared"),
      },
    );
    const result = await importOpenClaw(folder.path, options);
    const [main, ops] = agents(result);
    expect(main).toMatchObject({
      name: "main",
      organization: "acme",
      displayName: "Ada",
      description: "calm",
      model: { primary: "anthropic/claude-x", fallbacks: ["openai/gpt-x"] },
      queue: { mode: "collect", debounceMs: 900 },
      workspace: { files: [{ path: "AGENTS.md", text: "main rules" }] },
    });
    expect(main?.workspace?.skills.map((skill) => skill.text)).toEqual(["How to weather.\n"]);
    expect(ops).toMatchObject({
      name: "ops-bot",
      model: { primary: "openrouter/acme/big", temperature: 0.2 },
      workspace: { files: [{ path: "SOUL.md", text: "ops soul" }], skills: [] },
    });
    expect(providers(result).map((provider) => provider.name)).toEqual(["openrouter"]);
    expect(result.resources[0]).toEqual({ kind: "Organization", name: "acme" });
    expect(result.taken.some((note) => note.reason.includes('renamed from "Ops_Bot"'))).toBe(true);
    expect(left(result, "agents.defaults.model")?.subject).toContain("nowhere/x");
    expect(left(result, "messages.queue.cap")).toBeDefined();
  });

  test("of the older agents.list are read as well", async () => {
    await using folder = await config(
      `{ agents: { list: [ { id: 'main', default: true, model: 'openai/gpt-x' }, { id: 'Two', name: 'Two' } ] } }`,
      { "workspace/AGENTS.md": "shared", "workspace-two/AGENTS.md": "two" },
    );
    const result = await importOpenClaw(folder.at("openclaw.json"), options);
    expect(
      agents(result).map((agent) => [agent.name, agent.model, agent.workspace?.files[0]?.text]),
    ).toEqual([
      ["main", "openai/gpt-x", "shared"],
      ["two", "default", "two"],
    ]);
    expect(left(result, "agents.list[0].default")).toBeDefined();
  });

  test("may write to those agents that OpenClaw's ids name", async () => {
    await using folder = await config(
      `{ tools: { agentToAgent: { enabled: true, allow: ['ops-team', 'Ops Team', 'main'] } },
        agents: { entries: { Main: {}, 'Ops Team': {} } } }`,
    );
    const result = await importOpenClaw(folder.path, options);
    expect(agents(result)[0]?.tools).toContainEqual({
      type: "agents",
      allow: ["ops-team", "main"],
    });
    expect(left(result, "tools.agentToAgent.allow")?.reason).toBe("no such agents: Ops Team");
  });

  test("a configuration without agents means the agent main", async () => {
    await using folder = await config("{}", { "workspace/AGENTS.md": "rules" });
    const [main] = agents(await importOpenClaw(folder.path, options));
    expect(main).toMatchObject({ name: "main", workspace: { files: [{ text: "rules" }] } });
  });

  test("a bare workspace is one agent, named by IDENTITY.md or its folder", async () => {
    await using folder = await testFolder({
      "IDENTITY.md": "- **Name:** Ada Lovelace\n",
      "AGENTS.md": "x",
    });
    const result = await importOpenClaw(folder.path, options);
    expect(agents(result)[0]).toMatchObject({
      name: "ada-lovelace",
      displayName: "Ada Lovelace",
      model: "default",
    });
    await using other = await testFolder({
      "my agent/IDENTITY.md": "- **Name:**\n  _(pick something)_\n",
    });
    expect(agents(await importOpenClaw(other.at("my agent"), options))[0]?.name).toBe("my-agent");
    await using empty = await testFolder({ "unrelated.txt": "x" });
    await expect(importOpenClaw(empty.path, options)).rejects.toMatchObject({
      code: "import_refused",
    });
  });

  test("a missing workspace and one that leads out are notes, not failures", async () => {
    await using outside = await testFolder({ "secret.md": "secret" });
    await using folder = await config(
      `{ agents: { entries: { a: { workspace: 'gone' }, b: { workspace: 'b' } } } }`,
      {
        "b/AGENTS.md": "rules",
      },
    );
    await symlink(outside.at("secret.md"), folder.at("b/SOUL.md"));
    const result = await importOpenClaw(folder.path, options);
    expect(left(result, "agents.entries.a.workspace")?.reason).toContain("does not exist");
    expect(left(result, folder.at("b/SOUL.md"))).toMatchObject({
      code: "import_refused",
      subject: "agent b: SOUL.md",
    });
    expect(JSON.stringify(result)).not.toContain('"secret"');
  });

  test("a copied state folder is used where the configuration speaks of ~/.openclaw", async () => {
    await using folder = await config(
      `{ agents: { entries: { a: { workspace: '~/.openclaw/spaces/a' } } } }`,
      {
        "spaces/a/AGENTS.md": "rules",
      },
    );
    expect(agents(await importOpenClaw(folder.path, options))[0]?.workspace?.files).toHaveLength(1);
  });
});

describe("providers and secrets", () => {
  test("become Provider resources; a literal key never comes along", async () => {
    await using folder = await config(`{
      secrets: { providers: { box: { source: 'file', path: '/run/key', mode: 'singleValue' } } },
      models: { mode: 'merge', providers: {
        'My_Proxy': { baseUrl: 'http://localhost:4000/v1/', apiKey: '\${PROXY_KEY}', api: 'openai-completions',
          headers: { 'X-Region': '\${REGION}', 'X-Api-Key': 'literal-header-secret' }, timeoutSeconds: 30, models: [{ id: 'x' }] },
        lit: { baseUrl: 'https://llm.example.org/v1', apiKey: 'sk-literal-secret' },
        ref: { baseUrl: 'https://llm.example.org/v1', apiKey: { source: 'env', provider: 'default', id: 'REF_KEY' } },
        boxed: { baseUrl: 'https://llm.example.org/v1', apiKey: { source: 'file', provider: 'box', id: 'value' } },
        claude: { baseUrl: 'https://llm.example.org', api: 'anthropic-messages' },
        ollama: { baseUrl: 'http://127.0.0.1:11434', api: 'ollama', apiKey: 'ollama-local' },
        odd: { baseUrl: 'https://llm.example.org', api: 'bedrock-converse-stream' },
        urlkey: { baseUrl: 'https://llm.example.org/v1?key=abc' },
      } },
      agents: { entries: { a: { model: 'My_Proxy/x' } } },
    }`);
    const result = await importOpenClaw(folder.path, options);
    expect(providers(result)).toEqual([
      {
        kind: "Provider",
        organization: "acme",
        name: "my-proxy",
        type: "openai-compatible",
        baseUrl: "http://localhost:4000/v1",
        apiKey: { fromEnv: "PROXY_KEY" },
        headers: {
          "X-Region": { fromEnv: "REGION" },
          "X-Api-Key": { fromEnv: "MY_PROXY_X_API_KEY" },
        },
        timeoutMs: 30_000,
      },
      expect.objectContaining({ name: "lit", apiKey: { fromEnv: "LIT_API_KEY" } }),
      expect.objectContaining({ name: "ref", apiKey: { fromEnv: "REF_KEY" } }),
      expect.objectContaining({ name: "boxed", apiKey: { fromFile: "/run/key" } }),
      expect.objectContaining({
        name: "claude",
        type: "anthropic",
        baseUrl: "https://llm.example.org/v1",
      }),
      expect.objectContaining({ name: "ollama", baseUrl: "http://127.0.0.1:11434/v1" }),
    ]);
    expect(providers(result)[5]?.apiKey).toBeUndefined();
    expect(agents(result)[0]?.model).toBe("my-proxy/x");
    expect(left(result, "models.providers.lit.apiKey")?.reason).toContain(
      "set the environment variable LIT_API_KEY",
    );
    expect(left(result, "models.providers.odd.api")).toBeDefined();
    expect(left(result, "models.providers.urlkey.baseUrl")).toBeDefined();
    expect(JSON.stringify(result)).not.toMatch(/literal-secret|literal-header|key=abc/);
  });

  test("MCP servers become tools of every agent that the tool policy allows", async () => {
    await using folder = await config(`{
      mcp: { sessionIdleTtlMs: 5, servers: {
        docs: { command: 'uvx', args: ['serve', '--root', '\${HOME_PATH}/x'], env: { MODE: 'fast', GITHUB_TOKEN: 'ghp_literal', K: '\${OTHER}' } },
        'Remote One': { url: 'https://mcp.example.org/mcp', transport: 'streamable-http', requestTimeoutMs: 20000,
          headers: { Authorization: 'Bearer \${MCP_TOKEN}' }, toolFilter: { include: ['a', 'b'], exclude: ['b'] } },
        sse: { url: 'https://mcp.example.org/sse', transport: 'sse' },
        oauth: { url: 'https://mcp.example.org/o', auth: 'oauth' },
        globbed: { command: 'x', toolFilter: { include: ['s_*'] } },
        argkey: { command: 'x', args: ['--api-key', 'hunter2'] },
        off: { command: 'x', enabled: false },
      } },
      tools: { agentToAgent: { enabled: true, allow: ['a', 'b'] }, exec: { host: 'gateway' } },
      agents: { entries: { a: {}, b: { tools: { deny: ['docs__write'], allow: ['Remote One__a'] } }, c: { tools: { profile: 'minimal' } } } },
    }`);
    const result = await importOpenClaw(folder.path, options);
    const [a, b, c] = agents(result);
    expect(a?.tools).toEqual([
      { type: "memory" },
      { type: "agents", allow: ["a", "b"] },
      {
        type: "mcp",
        name: "docs",
        transport: {
          type: "stdio",
          command: "uvx",
          args: ["serve", "--root", "/srv/x"],
          env: { MODE: "fast", GITHUB_TOKEN: { fromEnv: "GITHUB_TOKEN" }, K: { fromEnv: "OTHER" } },
        },
      },
      {
        type: "mcp",
        name: "remote-one",
        transport: {
          type: "http",
          url: "https://mcp.example.org/mcp",
          headers: { Authorization: { fromEnv: "REMOTE_ONE_AUTHORIZATION" } },
        },
        allow: ["a"],
        timeoutMs: 20_000,
      },
    ]);
    expect(b?.tools?.map((tool) => (tool.type === "mcp" ? tool.name : tool.type))).toEqual([
      "memory",
      "agents",
      "remote-one",
    ]);
    expect(c?.tools?.some((tool) => tool.type === "mcp")).toBe(false);
    for (const [server, key] of [
      ["sse", "transport"],
      ["oauth", "auth"],
      ["globbed", "toolFilter"],
      ["argkey", "args"],
      ["off", "enabled"],
    ]) {
      expect(left(result, `mcp.servers.${server}.${key}`)).toMatchObject({
        subject: `MCP server ${server}`,
      });
    }
    expect(JSON.stringify(result)).not.toMatch(/ghp_literal|hunter2/);
  });
});

test("every key of the configuration is taken over or reported", async () => {
  const source = {
    $schema: "x",
    unheardOf: { deep: 1 },
    channels: { telegram: { botToken: "123:abc" }, slack: { accounts: {} } },
    bindings: [{ agentId: "a", match: { channel: "telegram" } }],
    session: { dmScope: "main" },
    cron: { enabled: true },
    hooks: { enabled: true, token: "t" },
    gateway: { port: 1, auth: { token: "very-secret" } },
    messages: { queue: { mode: "steer", byChannel: { slack: "collect" } }, ackReaction: "x" },
    tools: { profile: "coding", web: { search: {} } },
    skills: { entries: { off: { enabled: false, apiKey: "k" } }, load: { extraDirs: [] } },
    agents: {
      ownership: "explicit",
      defaults: {
        heartbeat: { every: "1h" },
        workspace: "w",
        bootstrapMaxChars: 300,
        newThing: true,
      },
      entries: {
        a: {
          sandbox: { mode: "off" },
          heartbeat: {},
          tts: {},
          cwd: "/x",
          strange: 1,
          default: true,
        },
      },
    },
  };
  await using folder = await config(JSON.stringify(source), {
    "w/AGENTS.md": "x".repeat(500),
    "w/skills/off/SKILL.md": skillText("off"),
    ".env": "KEY=very-secret",
  });
  const result = await importOpenClaw(folder.path, options);
  const paths = new Set([...result.taken, ...result.left].map((note) => note.path));
  // The agent's own entry is noted as a whole too: that must not stand for its keys.
  paths.delete("agents.entries.a");
  const silent = leaves(source).filter((path) => !isNoted(path, paths));
  expect(silent).toEqual([]);
  expect(left(result, "messages.queue.mode")?.reason).toContain("steer");
  expect(left(result, ".env")).toBeDefined();
  expect(JSON.stringify(result)).not.toMatch(/very-secret|123:abc/);
  expect(agents(result)[0]?.workspace).toMatchObject({ skills: [] });
  expect(agents(result)[0]?.workspace?.files[0]?.text.length).toBeLessThanOrEqual(300);
  expect(agents(result)[0]?.queue).toBeUndefined();
});

describe("bad input", () => {
  test("a syntax error names line and column, and never the text around it", async () => {
    const error = await refused("{\n  agents: {,\n}");
    expect(error.code).toBe("import_refused");
    expect(error.message).toContain("line 2, column 12");
    expect(error.details[0]).toMatchObject({ path: "openclaw.json", line: 2 });
  });

  test("all wrong types are reported at once, with their paths", async () => {
    const error = await refused(`{
      agents: { defaults: [], entries: { a: { workspace: 5, skills: 'x', model: 7 }, b: 'x' }, list: [1, { name: 'x' }] },
      models: { providers: { p: { baseUrl: 'ftp://x' } } },
      mcp: { servers: { s: { command: 'a', url: 'b' }, t: { command: ['x'] } } },
      messages: { queue: 'collect' },
    }`);
    expect(error.code).toBe("import_refused");
    expect(error.details.map((detail) => detail.path).toSorted()).toEqual([
      "agents.defaults",
      "agents.entries.a.model",
      "agents.entries.a.skills",
      "agents.entries.a.workspace",
      "agents.entries.b",
      "agents.list[0]",
      "agents.list[1].id",
      "mcp.servers.s.url",
      "mcp.servers.t.command",
      "messages.queue",
      "models.providers.p.baseUrl",
    ]);
    expect(
      error.details.find((detail) => detail.path === "agents.entries.a.workspace")?.message,
    ).toBe("expected a string, found a number");
  });

  test("ids that become one name, or none, are refused", async () => {
    const error = await refused(
      `{ agents: { entries: { 'Ops Bot': {}, 'ops_bot': {}, '...': {} } } }`,
    );
    expect(error.details).toHaveLength(2);
    expect(error.details[0]?.message).toContain("would both be the agent ops-bot");
    expect(error.details[1]?.message).toContain("no agent name");
  });

  test("what is no object, not UTF-8, too deep, too big or absent is refused", async () => {
    expect((await refused("[1]")).code).toBe("import_refused");
    expect((await refused("")).code).toBe("import_refused");
    expect((await refused(`{ a: ${"[".repeat(100)}${"]".repeat(100)} }`)).message).toContain(
      "nested deeper",
    );
    expect((await refused(`{ "__proto__": { polluted: true } }`)).code).toBe("import_refused");
    const odd = await refused(
      String.raw`{ agents: { entries: { a: { name: 'x\u0000', identity: { theme: '\ud800' } } } } }`,
    );
    expect(odd.details.map((detail) => detail.path)).toEqual([
      "agents.entries.a.name",
      "agents.entries.a.identity.theme",
    ]);
    await using folder = await testFolder({ "openclaw.json": new Uint8Array([0x7b, 0xff]) });
    await expect(importOpenClaw(folder.path, options)).rejects.toMatchObject({
      code: "import_refused",
    });
    await expect(importOpenClaw(folder.at("gone"), options)).rejects.toMatchObject({
      code: "file_unreadable",
    });
    await expect(importOpenClaw(folder.path, { organization: "A B" })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });

  test("includes are merged, and refused when they lead out, are missing or turn in a circle", async () => {
    await using outside = await testFolder({ "x.json5": "{ secret: 1 }" });
    await using folder = await config(
      `{ agents: { $include: ['./a.json5', './sub/b.json5'], entries: { three: {} } } }`,
      {
        "a.json5": "{ entries: { one: { name: 'One' } } }",
        "sub/b.json5": "{ entries: { one: { name: 'Uno' }, two: { $include: './c.json5' } } }",
        "sub/c.json5": "{ name: 'Two' }",
      },
    );
    const result = await importOpenClaw(folder.path, options);
    expect(agents(result).map((agent) => agent.displayName ?? agent.name)).toEqual([
      "Uno",
      "Two",
      "three",
    ]);
    await symlink(outside.at("x.json5"), folder.at("link.json5"));
    await folder.write("loop.json5", "{ a: { $include: './loop.json5' } }");
    await folder.write(
      "openclaw.json",
      `{ a: { $include: '${outside.at("x.json5")}' }, b: { $include: 'link.json5' }, c: { $include: 'gone.json5' }, d: { $include: 'loop.json5' }, e: { $include: 5 } }`,
    );
    const error = await refusal(folder.path);
    expect(error.details.map((detail) => detail.message.replace(/^".*" /, ""))).toEqual([
      "leads out of the folder",
      "leads out of the folder",
      "does not exist",
      "includes itself",
      "expected a path or a list of paths",
    ]);
  });
});

async function refused(text: string): Promise<HoldfastError> {
  await using folder = await config(text);
  // Awaited here: the folder goes when this function ends.
  return await refusal(folder.path);
}

async function refusal(path: string): Promise<HoldfastError> {
  const error: unknown = await importOpenClaw(path, options).catch((thrown: unknown) => thrown);
  if (error instanceof HoldfastError) return error;
  throw new Error("expected the import to be refused");
}

function leaves(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  const keys = Object.entries(value);
  return keys.length === 0
    ? [path]
    : keys.flatMap(([key, entry]) => leaves(entry, path ? `${path}.${key}` : key));
}

function isNoted(path: string, noted: ReadonlySet<string>): boolean {
  for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
    if (noted.has(at)) return true;
  }
  return false;
}
