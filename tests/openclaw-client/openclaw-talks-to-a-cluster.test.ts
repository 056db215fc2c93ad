import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FakeModelServer, startFakeModelServer } from "@holdfast/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runHoldfast } from "../e2e/node-process.ts";
import { Follower } from "./follower.ts";
import { OpenClaw, openClawPackage, scriptCommand } from "./openclaw-package.ts";

const command = new URL("../../packages/cli/bin/holdfast.mjs", import.meta.url).pathname;

const tokensPerSecond = 20;
/** Enough agents for each node to run some. */
const crowd = ["a1", "a2", "a3", "a4", "a5", "a6"];

interface DevFile {
  readonly nodes: readonly {
    readonly name: string;
    readonly pid: number;
    readonly url: string;
    readonly gatewayUrl: string;
  }[];
  readonly token: string;
  readonly ca: string;
}

let folder: string;
let dev: ChildProcess;
let file: DevFile;
let model: FakeModelServer;
let clients: readonly OpenClaw[];

beforeAll(async () => {
  await openClawPackage();
  folder = mkdtempSync(join(tmpdir(), "holdfast-openclaw-client-"));
  model = await startFakeModelServer({ respond: answer, tokensPerSecond });
  dev = spawn(process.execPath, [command, "dev", "--nodes", "3", "--dir", join(folder, "dev")]);
  await ready(dev);
  file = JSON.parse(readFileSync(join(folder, "dev/dev.json"), "utf8"));
  await applyAgents();
  clients = await Promise.all(
    file.nodes.map(({ name, gatewayUrl: url }) =>
      OpenClaw.at(join(folder, `client-${name}`), { url, token: file.token, ca: file.ca }),
    ),
  );
}, 900_000);

afterAll(async () => {
  const ended = new Promise((resolve) => dev.once("close", resolve));
  dev.kill("SIGTERM");
  await ended;
  await model.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

/** Says what it was asked. */
function answer({ body }: { readonly body: Readonly<Record<string, any>> }) {
  const text = String(body.messages.at(-1)?.content);
  return { type: "text", chunks: [`You said ${text}.`] } as const;
}

/** An answer that takes the model a while. */
function slowAnswer(seconds: number) {
  const chunks = Array.from({ length: seconds * tokensPerSecond }, (_, index) => `${index} `);
  return { type: "text", chunks } as const;
}

function ready(child: ChildProcess): Promise<void> {
  let output = "";
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (output.includes("Stop it")) resolve();
      });
    }
    child.once("close", () => reject(new Error(`holdfast dev ended: ${output}`)));
  });
}

async function applyAgents(): Promise<void> {
  const provider = { organization: "demo", name: "fake", type: "openai-compatible" };
  const resources = [
    { kind: "Provider", ...provider, baseUrl: model.url },
    ...["writer", "reader", ...crowd].map((name) => ({
      kind: "Agent",
      organization: "demo",
      name,
      model: "fake/model",
    })),
  ];
  const path = join(folder, "agents.json");
  writeFileSync(path, resources.map((resource) => JSON.stringify(resource)).join("\n---\n"));
  const env = {
    HOLDFAST_URL: file.nodes[0]?.url ?? "",
    HOLDFAST_TOKEN: file.token,
    HOLDFAST_CA: file.ca,
  };
  const { code, stderr, stdout } = await runHoldfast(["apply", "-f", path], env);
  expect(code, stderr + stdout).toBe(0);
}

function client(index: number): OpenClaw {
  const found = clients[index];
  if (!found) throw new Error(`there is no client of node ${index}`);
  return found;
}

async function textsOf(by: OpenClaw, sessionKey: string): Promise<string[]> {
  const { messages } = await by.call("chat.history", { sessionKey });
  return messages.map(({ content }: any) => content[0]?.text);
}

describe("OpenClaw's own commands, unchanged", () => {
  test("health and status see the cluster", async () => {
    const health = await client(0).run("health");
    expect(health.code, health.stderr).toBe(0);
    expect(health.stdout).toMatch(/Agents: .*greeter.*reader.*writer/);
    for (const words of [["status"], ["status", "--deep"]]) {
      const status = await client(1).run(...words);
      expect(status.code, status.stderr).toBe(0);
      expect(status.stdout.replaceAll(/\s+/g, " ")).toMatch(/Gateway .*reachable/);
    }
  });

  test("agent talks to two agents, in two sessions each, from any node", async () => {
    for (const [index, agent] of ["writer", "reader"].entries()) {
      for (const session of ["main", "second"]) {
        const words = [
          "--session-key",
          `agent:${agent}:${session}`,
          "--message",
          `${agent} ${session}`,
        ];
        const { code, stdout, stderr } = await client(index).run("agent", ...words);
        expect(code, stderr).toBe(0);
        expect(stdout).toContain(`You said ${agent} ${session}.`);
      }
    }
    const elsewhere = client(2);
    for (const agent of ["writer", "reader"]) {
      expect(await textsOf(elsewhere, `agent:${agent}:second`)).toEqual([
        `${agent} second`,
        `You said ${agent} second.`,
      ]);
    }
    const { sessions } = await elsewhere.call("sessions.list", { agentId: "writer" });
    expect(sessions.map(({ key }: any) => key).sort()).toEqual([
      "agent:writer:main",
      "agent:writer:second",
    ]);
  });

  test("a wrong token and an unknown method are told", async () => {
    const { gatewayUrl: url = "" } = file.nodes[0] ?? {};
    const token = `hf_${"0".repeat(40)}`;
    const stranger = await OpenClaw.at(join(folder, "stranger"), { url, token, ca: file.ca });
    const refused = await stranger.run("health");
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(/unauthorized/i);
    await expect(client(0).call("no.such.method", {})).rejects.toThrow(
      "unknown method: no.such.method",
    );
  });

  test.skipIf(!existsSync(scriptCommand))("tui shows the history and an answer", async () => {
    const words = ["--session", "agent:writer:main", "--message", "hello from the terminal"];
    const screen = await client(1).tui(words, "You said hello from the terminal.");
    expect(screen).toContain("You said writer main.");
    expect(screen).toContain("You said hello from the terminal.");
  });
});

describe("a run", () => {
  test("that is aborted ends for its clients; its answer is kept", async () => {
    const sessionKey = "agent:writer:aborted";
    model.next(slowAnswer(20));
    const sent = await client(0).call("chat.send", {
      sessionKey,
      message: "be quick",
      idempotencyKey: "abort-1",
    });
    expect(sent).toMatchObject({ runId: "abort-1", status: "started" });
    const aborted = await client(0).call("chat.abort", { sessionKey });
    expect(aborted).toEqual({ ok: true, aborted: true, runIds: ["abort-1"] });
    expect((await client(0).call("agent.wait", { runId: "abort-1" })).stopReason).toBe("aborted");
    const messages = async () => (await textsOf(client(0), sessionKey)).length;
    await expect.poll(messages, { timeout: 60_000, interval: 1_000 }).toBe(2);
  });

  test("goes on when its node is killed: another node gives its answer, once", async () => {
    const sessionKey = "agent:writer:killed";
    const message = { sessionKey, message: "survive", idempotencyKey: "kill-1" };
    const others = crowd.map((agent) => ({
      sessionKey: `agent:${agent}:main`,
      message: `${agent} survives`,
      idempotencyKey: `kill-${agent}`,
    }));
    const sessions = [message, ...others];
    const [looking, sending, second] = await Promise.all(
      file.nodes.map(({ gatewayUrl }) => Follower.open(gatewayUrl, file.token, file.ca)),
    );
    if (!looking || !sending || !second) throw new Error("there are three nodes");
    for (const { sessionKey: key } of sessions) {
      await looking.call("chat.history", { sessionKey: key });
    }
    model.next(...sessions.map(() => slowAnswer(15)));
    const before = model.counts.total;
    expect((await client(1).call("chat.send", message)).status).toBe("started");
    for (const other of others) await sending.call("chat.send", other);
    const asked = () => model.counts.total - before;
    await expect.poll(asked, { timeout: 20_000 }).toBe(sessions.length);
    for (const { name, pid } of file.nodes) if (name === "n2") process.kill(pid, "SIGKILL");
    // What a client does when its connection broke: the same again, at another node.
    expect((await client(2).call("chat.send", message)).runId).toBe("kill-1");
    for (const other of others) await second.call("chat.send", other);
    for (const { idempotencyKey: runId } of sessions) {
      const waited = await second.call("agent.wait", { runId, timeoutMs: 60_000 });
      expect(waited).toMatchObject({ runId, status: "ok" });
    }
    for (const { sessionKey: key, message: text } of sessions) {
      const texts = await textsOf(client(0), key);
      expect(texts).toEqual([text, expect.any(String)]);
      // Who only looked on from a third node saw its end, once.
      await expect.poll(() => looking.finals(key), { timeout: 20_000 }).toEqual([texts[1]]);
    }
    for (const follower of [looking, sending, second]) follower.close();
  }, 240_000);
});
