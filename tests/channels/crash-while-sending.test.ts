import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type FakeTelegram,
  startFakeTelegram,
} from "../../packages/testkit/src/platforms/index.ts";
import { type NodeProcess, TestHome } from "../e2e/node-process.ts";

interface Failure {
  readonly state: string;
}

let home: TestHome;
let fake: FakeTelegram;

beforeEach(async () => {
  home = new TestHome();
  fake = await startFakeTelegram({ seed: 1, speed: 10 });
});

afterEach(async () => {
  await home.remove();
  await fake.close();
});

async function call(node: NodeProcess, method: string, path: string, body?: unknown) {
  const response = await fetch(node.url + path, {
    method,
    headers: {
      authorization: `Bearer ${node.token}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expect(response.ok, await response.clone().text()).toBe(true);
  return (await response.json()) as { items?: readonly Failure[] };
}

/** What people see, and what is flagged, when the node died at a place and was started again. */
async function dieAt(failpoint: number) {
  const { settings, env } = fake.account("webhook");
  const quiet = { ...env, HOLDFAST_GATEWAY_PORT: "off" };
  const first = await home.start({ ...quiet, HOLDFAST_FAILPOINT: String(failpoint) });
  await call(first, "POST", "/api/v1/apply", {
    resources: [
      { kind: "Organization", name: "acme" },
      { kind: "Agent", organization: "acme", name: "echo", model: "demo/echo" },
      {
        kind: "Account",
        organization: "acme",
        name: "bot",
        channel: "telegram",
        settings,
        agent: "echo",
        access: { direct: "open" },
      },
    ],
  });
  fake.deliverTo([`${first.url}/channels/acme/bot`]);
  fake.say({ chat: "42", text: "before" });
  await first.ended;
  const second = await home.start(quiet);
  // What comes after it shows that whatever was there before is done.
  const answered = new Promise<void>((resolve) => {
    const unlisten = fake.onShown(() => {
      if (!fake.shown("42").some(({ text }) => text.includes("after"))) return;
      unlisten();
      resolve();
    });
  });
  fake.say({ chat: "42", text: "after" });
  await answered;
  const { items = [] } = await call(
    second,
    "GET",
    "/api/v1/orgs/acme/failed-deliveries?limit=1000",
  );
  return {
    shown: fake.shown("42").map(({ text }) => text),
    flagged: items.map(({ state }) => state),
  };
}

describe("an answer whose node dies while it is sent", () => {
  test("is sent by the next when nothing was written down", async () => {
    expect(await dieAt(16)).toEqual({ shown: ["echo: before", "echo: after"], flagged: [] });
  });

  test("is flagged when it may have been sent, and was not", async () => {
    expect(await dieAt(17)).toEqual({ shown: ["echo: after"], flagged: ["unknown"] });
  });

  test("is flagged and not sent again when the platform has it", async () => {
    expect(await dieAt(18)).toEqual({
      shown: ["echo: before", "echo: after"],
      flagged: ["unknown"],
    });
  });
});
