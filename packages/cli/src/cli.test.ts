import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { DeadLetter } from "@holdfast/core";
import { type FakeNode, startFakeNode } from "@holdfast/sdk/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCli, startCli } from "./testing/run-cli.ts";

const declared = `kind: Organization
name: demo
---
kind: Agent
organization: demo
name: greeter
model: demo/echo
instructions: |
  Be kind.
  Be short.
`;

let node: FakeNode;
let folder: string;
let env: Record<string, string>;
beforeEach(async () => {
  node = await startFakeNode();
  folder = await mkdtemp(path.join(tmpdir(), "holdfast-cli-"));
  env = { HOLDFAST_URL: node.url, HOLDFAST_TOKEN: node.token, HOLDFAST_HOME: folder };
});
afterEach(async () => {
  await node.close();
  await rm(folder, { recursive: true });
});

const cli = (words: string[], input?: string) => runCli(words, env, input);
const applyDemo = () => cli(["apply", "-f", "-"], declared);

describe("use", () => {
  it("prints help and the version, and says what is used wrongly with exit code 2", async () => {
    expect(await runCli(["--help"])).toMatchObject({ code: 0, stderr: "" });
    expect(await runCli(["version"])).toMatchObject({ code: 0, stdout: "0.1.0\n" });
    const wrong: [string[], string][] = [
      [["get"], "missing required argument 'kind'"],
      [["send", "demo/greeter", "hi", "--fast"], "unknown option '--fast'"],
      [["join"], "join needs a token: `holdfast token create`"],
      [["gte", "agents"], "unknown command 'gte'"],
      [["apply"], "required option '-f, --filename <file...>' not specified"],
      [["send", "greeter", "hi"], '"greeter" names no agent: expected ORGANIZATION/AGENT.'],
      [["send", "Demo/greeter", "hi"], '"Demo" is no organization name'],
      [["send", "demo/greeter"], "Give the message as words, or with -f FILE"],
      [["send", "demo/greeter", "hi", "--wait", "soon"], "--wait soon: expected seconds"],
      [["history", "demo/greeter", "c1", "--after", "x"], "--after x: expected the index"],
      [["get", "robots"], '"robots" is no kind'],
      [["get", "agents", "-o", "xml"], "argument 'xml' is invalid"],
      [["get", "agents", "--url", "ftp://example.org"], "expected http://HOST:PORT"],
      [["delete", "agent"], "Give either KIND and NAME, or -f FILE."],
    ];
    const outcomes = await Promise.all(wrong.map(([words]) => runCli(words, env)));
    outcomes.forEach((outcome, index) => {
      expect(outcome.stderr).toContain(wrong[index]?.[1]);
      expect(outcome.stderr).toMatch(/^error\[usage\]: /);
      expect(outcome).toMatchObject({ code: 2, stdout: "" });
    });
  });

  it("says how to reach a node, and never sends this machine's token elsewhere", async () => {
    const home = { HOLDFAST_HOME: folder };
    const none = await runCli(["get", "agents"], { ...home, HOLDFAST_URL: node.url });
    expect(none).toMatchObject({ code: 1 });
    expect(none.stderr).toContain("error[unauthenticated]: There is no token:");
    await writeFile(path.join(folder, "admin-token"), `${node.token}\n`);
    const local = await runCli(["get", "agents"], { ...home, HOLDFAST_URL: node.url });
    expect(local).toMatchObject({ code: 0 });
    const away = await runCli(["get", "agents"], { ...home, HOLDFAST_URL: "http://example.org" });
    expect(away.stderr).toContain("stays on this machine");
    await node.close();
    const down = await runCli(["get", "agents"], { ...env, HOLDFAST_URL: node.url });
    expect(down.code).toBe(1);
    expect(down.stderr).toMatch(/^error\[node_unreachable\]: No node answers at /);
    expect(down.stderr).toContain("Start one with `holdfast up`");
  });
});

describe("resources", () => {
  it("applies, finds nothing to do the second time, and shows what changes", async () => {
    const first = await applyDemo();
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).toContain("Agent demo/greeter created\n");
    expect(first.stdout).toContain("Applied: 2 created, 0 changed, 0 unchanged.");
    const second = await applyDemo();
    expect(second.stdout).toBe("Organization demo unchanged\nAgent demo/greeter unchanged\n");
    const changed = declared.replace("Be short.", "Be brief.");
    const diff = await cli(["diff", "-f", "-", "--exit-code"], changed);
    expect(diff.code).toBe(1);
    expect(diff.stdout).toContain("      Be kind.\n  -   Be short.\n  +   Be brief.\n");
    const machine = await cli(["apply", "-f", "-", "--json"], changed);
    const changes = (JSON.parse(machine.stdout) as { change: string }[]).map((item) => item.change);
    expect(changes).toEqual(["unchanged", "changed"]);
  });

  it("shows every fault with file and line, those of the server too", async () => {
    const file = path.join(folder, "a.yaml");
    await writeFile(file, "kind: Robot\n---\nkind: Agent\nname: x\nname: x\n");
    const local = await cli(["apply", "-f", file]);
    expect(local.code).toBe(1);
    expect(local.stderr.split("\n").slice(0, 3)).toEqual([
      `error[invalid_resource]: Found 2 faults in ${file}.`,
      `  ${file}:1:1: kind: unknown kind "Robot": expected one of Organization, Provider, Agent, Account, IdentityLink`,
      `  ${file}:5:1: the key stands here a second time`,
    ]);
    await writeFile(file, "\nkind: Agent\nname: x\norganization: other\nmodel: default\n");
    const remote = await cli(["apply", "-f", folder]);
    expect(remote.stderr).toContain(`  ${file}:4:1: organization: there is no organization other`);
    const machine = await cli(["apply", "-f", file, "--json"]);
    expect(JSON.parse(machine.stderr)).toMatchObject({
      error: { code: "invalid_resource", details: [{ line: 4 }] },
    });
  });

  it("gets lists and one, for people and for programs", async () => {
    await applyDemo();
    const list = await cli(["get", "agents"]);
    expect(list.stdout).toBe(
      "ORGANIZATION   NAME      MODEL       TOOLS   DESCRIPTION\ndemo           greeter   demo/echo   -       -\n",
    );
    const json = await cli(["get", "agents", "--org", "demo", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject([{ name: "greeter" }]);
    const yaml = await cli(["get", "agent", "demo/greeter", "-o", "yaml"]);
    expect((await cli(["diff", "-f", "-"], yaml.stdout)).stdout).toContain("unchanged");
    const missing = await cli(["get", "agent", "demo/nobody"]);
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    const none = await cli(["get", "providers", "--org", "demo", "--json"]);
    expect(JSON.parse(none.stdout)).toEqual([]);
  });

  it("deletes one by name and what files declare, agents first", async () => {
    await applyDemo();
    expect(await cli(["delete", "agent", "greeter", "--org", "demo"])).toMatchObject({
      code: 0,
      stdout: "Agent demo/greeter deleted\n",
    });
    expect(await cli(["delete", "agent", "demo/greeter"])).toMatchObject({ code: 1 });
    const rest = await cli(["delete", "-f", "-"], declared);
    expect(rest.stdout).toBe("Agent demo/greeter is not there\nOrganization demo deleted\n");
  });
});

describe("conversations", () => {
  beforeEach(async () => {
    await applyDemo();
  });

  it("sends and prints the answer, the id, or JSON", async () => {
    expect(await cli(["send", "demo/greeter", "hello", "there"])).toMatchObject({
      code: 0,
      stdout: "You said: hello there\n",
      stderr: "",
    });
    const words = ["send", "demo/greeter", "-c", "c2", "--key", "k1", "--no-wait", "-f", "-"];
    expect((await cli(words, "from stdin\n")).stdout).toBe("message-1\n");
    expect((await cli(words, "from stdin\n")).stdout).toBe("message-1 (sent before)\n");
    const json = await cli(["send", "demo/greeter", "-c", "c3", "hi", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ reply: "You said: hi", conversation: "c3" });
    const history = await cli(["history", "demo/greeter", "c3", "--json"]);
    expect(JSON.parse(history.stdout)).toMatchObject([{ text: "hi" }, { text: "You said: hi" }]);
    expect((await cli(["history", "demo/greeter", "c3"])).stdout).toContain("#1 agent, 2023-");
  });

  it("says where the answer will stand when the wait is over", async () => {
    node.state.waitTimesOut = true;
    const late = await cli(["send", "demo/greeter", "hi", "-c", "c1", "--wait", "0.2"]);
    expect(late.code).toBe(1);
    expect(late.stderr).toContain("It will stand in `holdfast history demo/greeter c1`");
  });

  it("chats over a pipe: each line a message, each answer once, over lost connections", async () => {
    const running = startCli(["chat", "demo/greeter", "-c", "c1"], env);
    running.child.stdin?.write("one\n");
    await running.printed("You said: one");
    node.fail({ type: "break-after" }, { type: "break-after" });
    running.child.stdin?.end("\ntwo\nthree\n");
    expect(await running.finished).toEqual({
      code: 0,
      stdout: "You said: one\nYou said: two\nYou said: three\n",
      stderr: "",
    });
    expect(node.state.conversations.get("demo/greeter/c1")?.messages).toHaveLength(6);
  });

  it("reports a message that fails, sends the next one, and gives 1 at the end", async () => {
    const body = JSON.stringify({ error: { code: "payload_too_large", message: "Too long." } });
    node.fail({ type: "none" }, { type: "none" }, { type: "answer", status: 413, body });
    const outcome = await cli(["chat", "demo/greeter", "-c", "new"], "one\ntwo\n");
    expect(outcome).toMatchObject({ code: 1, stdout: "You said: two\n" });
    expect(outcome.stderr).toContain("error[payload_too_large]: Too long.");
  });

  it("goes on with a chat when the node comes back on the same address", async () => {
    let release = () => {};
    node.state.gate = new Promise((resolve) => (release = resolve));
    const running = startCli(["chat", "demo/greeter", "-c", "c1", "--json"], env);
    running.child.stdin?.end("hello\n");
    await expect.poll(() => node.requests.some((request) => request.headers.prefer)).toBe(true);
    const { state } = node;
    await node.close();
    node = await startFakeNode(Number(new URL(node.url).port));
    // A real node finds both in its log.
    for (const [key, value] of state.resources) node.state.resources.set(key, value);
    for (const [key, value] of state.conversations) node.state.conversations.set(key, value);
    release();
    const { code, stdout } = await running.finished;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ reply: "You said: hello", id: "message-1" });
  });

  it("ends with 1 at once when there is no such agent, and with 130 at Ctrl-C", async () => {
    const nobody = await cli(["chat", "demo/nobody"], "hi\n");
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toContain("error[agent_not_found]");
    node.state.gate = new Promise(() => {});
    const running = startCli(["send", "demo/greeter", "hi"], env);
    await expect.poll(() => node.requests.some((request) => request.headers.prefer)).toBe(true);
    running.child.kill("SIGINT");
    expect(await running.finished).toMatchObject({ code: 130, stdout: "" });
  });
});

describe("operation", () => {
  it("creates, lists and revokes join tokens, the text alone on the standard output", async () => {
    const created = await cli(["token", "create", "--role", "compute"]);
    expect(created).toMatchObject({ code: 0, stdout: "hfj_secret\n" });
    expect(created.stderr).toContain(
      "Token join-1 lets one compute node in until 2023-11-14T22:23:20Z",
    );
    expect((await cli(["token", "list"])).stdout).toContain("join-1   compute   open");
    expect(await cli(["token", "revoke", "join-1"])).toMatchObject({ code: 0 });
    expect(await cli(["token", "revoke", "join-1"])).toMatchObject({ code: 1 });
    expect(await cli(["token", "create", "--role", "king"])).toMatchObject({ code: 2 });
    expect((await cli(["token", "list"])).stderr).toContain("There are none.");
  });

  it("creates, lists and revokes tokens; only the secret goes to the standard output", async () => {
    await applyDemo();
    const created = await cli(["tokens", "create", "ci", "--org", "demo"]);
    expect(created).toMatchObject({ code: 0, stdout: "hf_secret\n" });
    expect((await cli(["tokens", "list"])).stdout).toContain("token-1   ci     demo");
    expect(await cli(["tokens", "revoke", "token-1"])).toMatchObject({ code: 0 });
    expect(await cli(["tokens", "revoke", "token-1"])).toMatchObject({ code: 1 });
  });

  it("lists, shows, replays and discards dead letters, without what could write on the screen", async () => {
    const letter = {
      id: "dl-1",
      code: "model_empty",
      reason: "nothing \u001b[2J came",
      attempts: 5,
      at: 1_700_000_000_000,
      message: {
        id: "message-1",
        organization: "demo",
        agent: "greeter",
        conversation: "c1",
        content: { type: "text", text: "hello" },
        receivedAt: 1_700_000_000_000,
        depth: 0,
      },
    } as unknown as DeadLetter;
    node.state.deadLetters.push(letter, { ...letter, id: "dl-2" });
    expect((await cli(["dead-letters", "list"])).stdout).toContain("dl-2   demo/greeter   c1");
    const shown = await cli(["dead-letters", "show", "dl-1"]);
    expect(shown.stdout).toContain("[model_empty] nothing ␛[2J came");
    expect(await cli(["dead-letters", "replay", "dl-1"])).toMatchObject({
      stdout: "dl-1 replayed as message message-9\n",
    });
    const discarded = await cli(["dead-letters", "discard", "dl-2", "--json"]);
    expect(JSON.parse(discarded.stdout)).toEqual({ discarded: ["dl-2"] });
    expect((await cli(["dead-letters", "show", "dl-1"])).stderr).toContain("message_not_found");
  });
});
