import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { HoldfastError, Resource } from "@holdfast/core";
import { type FakeNode, startFakeNode } from "@holdfast/sdk/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runCommand } from "../program.ts";
import { createFakeTerminal, type FakeTerminal } from "../testing/fake-terminal.ts";

const agent: Resource = { kind: "Agent", organization: "demo", name: "greeter", model: "default" };

let node: FakeNode;
let folder: string;
let terminal: FakeTerminal;
let chat: Promise<number>;
beforeEach(async () => {
  node = await startFakeNode();
  node.state.resources.set("Agent/demo/greeter", agent);
  folder = await mkdtemp(path.join(tmpdir(), "holdfast-chat-"));
});
afterEach(async () => {
  await node.close();
  await rm(folder, { recursive: true });
});

function start(): void {
  terminal = createFakeTerminal({
    HOLDFAST_URL: node.url,
    HOLDFAST_TOKEN: node.token,
    HOLDFAST_HOME: folder,
  });
  chat = runCommand(["chat", "demo/greeter", "-c", "c1"], {
    terminal,
    report: (error: HoldfastError) => terminal.stdout.write(`reported ${error.code}`),
  });
}

const screenHolds = (text: string, times = 1) =>
  expect.poll(() => terminal.screen().split(text).length - 1, { timeout: 5_000 }).toBe(times);
const count = (text: string) => terminal.screen().split(text).length - 1;

it("shows history and answers, keeps the typed lines for the next chat", async () => {
  start();
  await screenHolds("> ");
  terminal.type("hello\r");
  await screenHolds("You said: hello");
  await screenHolds("> hello\nYou said: hello\n> ");
  terminal.type("/history\r");
  await screenHolds("#1 agent, ");
  terminal.type("/dance\r");
  await screenHolds("There is no /dance.");
  terminal.type("/quit\r");
  expect(await chat).toBe(0);
  const lines = path.join(folder, "chat-lines");
  expect(await readFile(lines, "utf8")).toContain("hello\n/history\n");
  expect((await stat(lines)).mode & 0o777).toBe(0o600);
  start();
  await screenHolds("#0 you, ");
  terminal.type("\u001b[A\u001b[A\u001b[A\u001b[A\r"); // the fourth line from the end
  await screenHolds("> hello\nYou said: hello\n> ");
  terminal.type("\u0004");
  expect(await chat).toBe(0);
});

it("stops showing an answer at Ctrl-C, while the turn goes on", async () => {
  let release = () => {};
  node.state.gate = new Promise((resolve) => (release = resolve));
  start();
  await screenHolds("> ");
  terminal.type("hello\r");
  await screenHolds("You said");
  process.emit("SIGINT");
  await screenHolds("[not shown further; the turn goes on: /history]");
  release();
  terminal.type("/history\r");
  await screenHolds("You said: hello");
  terminal.type("half a line\u0003");
  terminal.type("\u0003");
  await screenHolds("(Ctrl-C once more, or /quit, to leave)");
  terminal.type("\u0003");
  expect(await chat).toBe(130);
});

it("outlives the node: reconnects, and shows the answer once", async () => {
  let release = () => {};
  node.state.gate = new Promise((resolve) => (release = resolve));
  start();
  await screenHolds("> ");
  terminal.type("hello\r");
  await screenHolds("You said");
  const { state } = node;
  await node.close();
  await screenHolds("[the node is away; reconnecting]");
  node = await startFakeNode(Number(new URL(node.url).port));
  for (const [key, value] of state.resources) node.state.resources.set(key, value);
  for (const [key, value] of state.conversations) node.state.conversations.set(key, value);
  await screenHolds("[connected again]");
  release();
  await screenHolds(": hello\n> ");
  expect(count("[the answer begins anew]")).toBe(0);
  expect(node.state.conversations.get("demo/greeter/c1")?.messages).toHaveLength(2);
  terminal.type("/quit\r");
  expect(await chat).toBe(0);
});

it("never lets an answer write escape sequences", async () => {
  node.state.answer = () => "a\u001b]0;owned\u0007b";
  start();
  await screenHolds("> ");
  terminal.type("hello\r");
  await screenHolds("a␛]0;owned␇b");
  terminal.type("/quit\r");
  expect(await chat).toBe(0);
});
