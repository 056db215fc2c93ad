import { type FakeModelServer, startFakeModelServer } from "@holdfast/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, apiOf } from "./api.ts";
import { TestHome } from "./node-process.ts";

const home = new TestHome();
const modelMs = 100;
let model: FakeModelServer;
/** Takes seconds for each answer, so that a flood piles up. */
let slowModel: FakeModelServer;
let api: Api;

beforeAll(async () => {
  const respond = () => ({ type: "text", chunks: ["Two", " words"] }) as const;
  const answering = (tokensPerSecond: number) =>
    startFakeModelServer({ tokensPerSecond, recordedRequests: 0, respond });
  model = await answering(2_000 / modelMs);
  slowModel = await answering(0.5);
  api = apiOf(await home.start({ HOLDFAST_LOG_LEVEL: "silent" }));
  const agent = (name: string, provider: string, queue?: object) => ({
    kind: "Agent",
    organization: "acme",
    name,
    model: `${provider}/model`,
    ...(queue && { queue }),
  });
  const provider = (name: string, baseUrl: string) => ({
    kind: "Provider",
    organization: "acme",
    name,
    type: "openai-compatible",
    baseUrl,
  });
  const applied = await api.apply([
    { kind: "Organization", name: "acme" },
    provider("fast", model.url),
    provider("slow", slowModel.url),
    agent("hot", "slow"),
    agent("calm", "fast"),
    agent("collector", "fast", { mode: "collect", debounceMs: 500 }),
  ]);
  expect(applied.status, JSON.stringify(applied.body)).toBe(200);
});

afterAll(async () => {
  await home.remove();
  await Promise.all([model.close(), slowModel.close()]);
});

/** Milliseconds of some questions to the calm agent, one after the other, the slowest last. */
async function calmTimes(round: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let number = 0; number < count; number += 1) {
    const startedAt = performance.now();
    const { status } = await api.ask("acme/calm", `${round}-${number}`, "Hello", "k");
    expect(status).toBe(200);
    times.push(performance.now() - startedAt);
  }
  return times.toSorted((a, b) => a - b);
}

test("the neighbour answers as before, and the flood is told to wait", async () => {
  const before = await calmTimes("before", 20);
  let going = true;
  const refused = new Map<string, number>();
  const flood = Array.from({ length: 40 }, async (_, client) => {
    for (let number = 0; going; number += 1) {
      // Half of them into one conversation.
      const conversation = client % 2 === 0 ? "one" : `many-${client}-${number}`;
      const key = `${client}-${number}`;
      const { status, body, headers } = await api.submit("acme/hot", conversation, "Hello", key);
      if (status === 202) continue;
      expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      const seen = `${status} ${body.error.code}`;
      refused.set(seen, (refused.get(seen) ?? 0) + 1);
    }
  });
  await expect
    .poll(() => [...refused.keys()].toSorted(), { timeout: 30_000 })
    .toEqual(["429 agent_busy", "429 conversation_busy"]);
  const during = await calmTimes("during", 20);
  going = false;
  await Promise.all(flood);
  const [p50Before = 0, worstBefore = 0] = [before[10], before.at(-1)];
  const [p50During = 0, worstDuring = 0] = [during[10], during.at(-1)];
  // Generous: the machine is shared with the flood's own clients.
  expect(p50During).toBeLessThan(3 * p50Before + modelMs);
  expect(worstDuring).toBeLessThan(3 * worstBefore + 2 * modelMs);
});

test("collect: what comes within the pause is answered in one turn", async () => {
  const texts = ["One", "Two", "Three"];
  for (const [number, text] of texts.entries()) {
    expect((await api.submit("acme/collector", "c", text, `k${number}`)).status).toBe(202);
  }
  await expect
    .poll(async () => (await api.history("acme/collector", "c")).map(({ text }) => text), {
      timeout: 20_000,
      interval: 100,
    })
    .toEqual([...texts, "Two words"]);
});
