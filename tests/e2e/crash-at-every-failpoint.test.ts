import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { failpoints } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Api, apiOf } from "./api.ts";
import { type NodeProcess, TestHome } from "./node-process.ts";

/** Places that a turn passes; checkpoints and truncation are shown in virtual time. */
const onTheWay = Object.entries(failpoints).filter(
  ([, number]) => number <= failpoints.afterTurnCommit,
);

/** The tool's own books: what it did, by idempotency key. */
let effects: string[] = [];
let toolServer: Server;
let home: TestHome;

beforeEach(async () => {
  home = new TestHome();
  effects = [];
  toolServer = createServer((request, response) => {
    effects.push(String(request.headers["idempotency-key"]));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ paid: true }));
  });
  await new Promise<void>((resolve) => toolServer.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  await home.remove();
  toolServer.closeAllConnections();
  await new Promise((resolve) => toolServer.close(resolve));
});

function agents(idempotent: boolean) {
  const { port } = toolServer.address() as AddressInfo;
  return [
    { kind: "Organization", name: "acme" },
    {
      kind: "Agent",
      organization: "acme",
      name: "payer",
      model: "demo/greeter",
      tools: [
        {
          type: "http",
          name: "pay",
          description: "Pays.",
          parameters: { type: "object", properties: { amount: { type: "number" } } },
          method: "POST",
          url: `http://127.0.0.1:${port}/pay`,
          idempotent,
        },
      ],
    },
  ];
}

const texts = ["Hello", '/tool pay {"amount": 5}', "Echo good morning", "What is 2 + 3?"];

/** Sends everything with keys, and again what was not acknowledged, as a careful client does. */
async function sendAll(api: Api): Promise<void> {
  for (const [number, text] of texts.entries()) {
    const { status, body } = await api.ask("acme/payer", "c1", text, `key-${number}`);
    expect(status, JSON.stringify(body)).toBe(200);
  }
}

async function killedRun(failpoint: number, count: number, idempotent: boolean): Promise<string[]> {
  const first = await home.start();
  expect((await apiOf(first).apply(agents(idempotent))).status).toBe(200);
  await first.stop();
  const doomed = await home.start({ HOLDFAST_FAILPOINT: `${failpoint}:${count}` });
  const cut = await sendAll(apiOf(doomed)).then(
    () => false,
    () => true,
  );
  if (cut) expect(await doomed.ended).toMatchObject({ signal: "SIGKILL" });
  else await doomed.stop();
  const node: NodeProcess = await home.start();
  await sendAll(apiOf(node));
  const history = await apiOf(node).history("acme/payer", "c1");
  expect(history.map(({ index }) => index)).toEqual(history.map((_, index) => index));
  expect(await node.stop()).toBe(0);
  return history.map(({ role, text }) => `${role}: ${text}`);
}

function expectOnceAndInOrder(history: readonly string[]): void {
  expect(history.filter((line) => line.startsWith("user: "))).toEqual(
    texts.map((text) => `user: ${text}`),
  );
  expect(history.at(-1)).toMatch(/^assistant: .*5/);
}

describe.each(onTheWay)("killed at failpoint %s (%i)", (_, failpoint) => {
  test("every message is answered once and in order, and a repeatable tool has one effect", async () => {
    const history = await killedRun(failpoint, 1, true);
    expectOnceAndInOrder(history);
    expect(new Set(effects).size, "one idempotency key for one call").toBe(1);
  });
});

test("a tool that may not be repeated runs at most once and is flagged when killed behind its call", async () => {
  const history = await killedRun(failpoints.afterToolCall, 1, false);
  expectOnceAndInOrder(history);
  expect(effects).toHaveLength(1);
  expect(history.join("\n")).toContain("Outcome unknown");
});
