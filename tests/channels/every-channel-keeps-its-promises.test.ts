import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FakePlatform } from "../../packages/testkit/src/platforms/index.ts";
import { ChannelCluster } from "./channel-cluster.ts";
import { accountResource, contestants, startFake } from "./contestants.ts";
import { holdToPromises, type PromiseResult } from "./promises.ts";

const share = 0.05;
const faults = {
  tooMany: share,
  serverError: share,
  lostAnswer: share,
  duplicate: share,
  reordered: share,
  dropped: share,
  slow: share,
};

/** The whole of it, 10,000 messages on each channel, is `npm run test:channels`. */
const messages = 160;
const chats = 20;

const nothing = { lost: [], doubled: [], reordered: [], violations: [] };

let cluster: ChannelCluster;
let fakes: FakePlatform[];
let results: Map<string, PromiseResult>;

beforeAll(async () => {
  fakes = await Promise.all(contestants.map((contestant) => startFake(contestant, 7)));
  const accounts = fakes.map((fake, number) => fake.account(contestants[number]?.mode ?? "socket"));
  cluster = await ChannelCluster.start(Object.assign({}, ...accounts.map(({ env }) => env)));
  await cluster.apply([
    { kind: "Organization", name: "acme" },
    { kind: "Agent", organization: "acme", name: "echo", model: "demo/echo" },
    ...contestants.map((contestant, number) =>
      accountResource(contestant, accounts[number]?.settings ?? {}),
    ),
  ]);
  // All channels at once, so that one death of a node is in the middle of all of them.
  const [first] = contestants;
  const runs = contestants.map(async (contestant, number) => {
    const fake = fakes[number];
    if (!fake) throw new Error(`no platform for ${contestant.account}`);
    const result = await holdToPromises(cluster, {
      fake,
      account: contestant.account,
      messages,
      chats,
      faults,
      ...(contestant === first && { kill: { node: "n2", after: messages / 2 } }),
      inFlight: 100,
      patienceMs: 45_000,
    });
    return [contestant.account, result] as const;
  });
  results = new Map(await Promise.all(runs));
}, 240_000);

afterAll(async () => {
  await cluster?.close();
  await Promise.all((fakes ?? []).map((fake) => fake.close()));
});

describe.each(contestants.map(({ account }) => account))("on %s, under faults", (account) => {
  test("nothing is lost, doubled or reordered, no limit is broken, no format refused", () => {
    const result = results.get(account);
    if (!result) throw new Error(`${account} was not run`);
    const { lost, doubled, reordered, violations, ...rest } = result;
    expect({ lost, doubled, reordered, violations }, JSON.stringify(rest)).toEqual(nothing);
    // What is flagged may be missing; a fault in twenty is what was injected.
    expect(result.shown + result.flagged).toBeGreaterThanOrEqual(messages);
    expect(result.flagged).toBeLessThan(messages / 4);
  });
});
