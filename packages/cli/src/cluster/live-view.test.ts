import type { HoldfastError } from "@holdfast/core";
import { type FakeNode, startFakeNode } from "@holdfast/sdk/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runCommand } from "../program.ts";
import { createFakeTerminal, type FakeTerminal } from "../testing/fake-terminal.ts";

let node: FakeNode;
let terminal: FakeTerminal;
let raw: string;
beforeEach(async () => {
  node = await startFakeNode();
});
afterEach(() => node.close());

function start(...words: string[]): Promise<number> {
  terminal = createFakeTerminal({ HOLDFAST_URL: node.url, HOLDFAST_TOKEN: node.token });
  raw = "";
  const { stdout } = terminal;
  const write = stdout.write.bind(stdout);
  stdout.write = (piece: string | Uint8Array) => {
    raw += String(piece);
    return write(piece);
  };
  const report = (error: HoldfastError) => stdout.write(`reported ${error.code}`);
  return runCommand(words, { terminal, report });
}

const shows = (text: string) =>
  expect.poll(() => terminal.screen(), { timeout: 5_000 }).toContain(text);

it.each(["q", "\u0003"])(
  "top is drawn again and again, and %j gives the terminal back",
  async (key) => {
    const top = start("top");
    await shows("3 of 3 nodes alive");
    const { cluster } = node.state;
    cluster.nodes = cluster.nodes.map((each) => ({ ...each, presence: "dead" }));
    await shows("0 of 3 nodes alive");
    terminal.type(key);
    expect(await top).toBe(0);
    expect(raw.startsWith("\u001b[?1049h\u001b[?25l")).toBe(true);
    expect(raw.endsWith("\u001b[?25h\u001b[?1049l")).toBe(true);
  },
);

it("a view goes on through the loss of its node, at another node of the cluster", async () => {
  const second = await startFakeNode();
  for (const each of [node, second]) {
    const { cluster } = each.state;
    cluster.nodes = cluster.nodes.map((one, index) => ({
      ...one,
      url: [node.url, second.url][index] ?? "http://127.0.0.1:1",
    }));
  }
  second.state.cluster.nodes = second.state.cluster.nodes.slice(1);
  const watching = start("get", "nodes", "--watch");
  await shows("n-1");
  await node.close();
  await expect
    .poll(() => terminal.screen().split("\u0000").join("").split("NODE").at(-1), { timeout: 8_000 })
    .not.toContain("n-1");
  await second.close();
  await shows("As it was seen last. No node answers at ");
  terminal.type("q");
  expect(await watching).toBe(0);
});

it("a view that cannot begin is an error, and touches no screen", async () => {
  await node.close();
  expect(await start("top")).toBe(1);
  expect(raw).toContain("reported node_unreachable");
  expect(raw).not.toContain("\u001b[?1049h");
});
