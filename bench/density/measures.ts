import type { ApiClient } from "../lib/api-client.ts";
import type { BenchNode } from "../lib/node-process.ts";
import { eachOf, pick } from "../lib/pool.ts";
import { agentName, ask, messageText, organization, pathOf } from "./population.ts";
import type { DensitySettings } from "./settings.ts";

/** Milliseconds of pages of the agents, beginning at any agent, a few readers at once. */
export async function listPages(
  api: ApiClient,
  settings: DensitySettings,
  limit: number,
): Promise<number[]> {
  const starts = pick(settings.listings, settings.agents, 3);
  return timed(starts.length, 4, (number) => {
    const after = agentName(starts[number] ?? 0);
    return api.must("GET", `/api/v1/orgs/${organization}/agents?limit=${limit}&after=${after}`);
  });
}

export async function bareRequests(api: ApiClient, count: number): Promise<number[]> {
  return timed(count, 4, () => api.must("GET", "/healthz"));
}

export interface Activations {
  /** History reads, and whole turns, of conversations that are not in memory. */
  readonly reads: readonly number[];
  readonly asks: readonly number[];
  /** The same conversations once more, now in memory. */
  readonly warmReads: readonly number[];
  readonly warmAsks: readonly number[];
}

/** Touches conversations of a node that has none in memory; half are read, half are asked. */
export async function activate(
  node: BenchNode,
  settings: DensitySettings,
  seed: number,
): Promise<Activations> {
  const { api } = node;
  const chosen = pick(2 * settings.activations, settings.conversations, seed);
  const half = Math.floor(chosen.length / 2);
  const read = (index: number) => async () => {
    const path = pathOf(settings, chosen[index] ?? 0);
    const { text } = await api.must("GET", `${path}/messages?limit=1000`);
    const { newest } = JSON.parse(text) as { newest: number };
    if (newest < 2 * settings.messages - 1) throw new Error(`${path} lost messages: ${newest}`);
  };
  const send = (index: number, round: number) => () => {
    const number = chosen[half + index] ?? 0;
    const text = messageText(number, round, settings.messageBytes);
    return ask(api, pathOf(settings, number), text);
  };
  const { activationWidth: width } = settings;
  await bareRequests(api, 200);
  const reads = await timed(half, width, (index) => read(index)());
  const warmReads = await timed(half, width, (index) => read(index)());
  const asks = await timed(half, width, (index) => send(index, seed * 1_000)());
  const warmAsks = await timed(half, width, (index) => send(index, seed * 1_000 + 1)());
  return { reads, asks, warmReads, warmAsks };
}

/** Resolves when the node has put every conversation out of memory. Errors: after ten minutes. */
export async function untilPassivated(node: BenchNode): Promise<number> {
  const startedAt = Date.now();
  while ((await node.api.metric("holdfast_conversations_active")) > 0) {
    if (Date.now() - startedAt > 600_000) throw new Error("conversations stay in memory");
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  return (Date.now() - startedAt) / 1_000;
}

async function timed(
  count: number,
  width: number,
  work: (number: number) => Promise<unknown>,
): Promise<number[]> {
  const taken: number[] = [];
  await eachOf(count, width, async (number) => {
    const startedAt = performance.now();
    await work(number);
    taken.push(performance.now() - startedAt);
  });
  return taken;
}
