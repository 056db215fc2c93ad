import {
  type Account,
  type AccountOptions,
  type Channel,
  type Inbound,
  type NodeId,
  type ResourceStore,
  storagePlan,
} from "@holdfast/core";
import { createMemoryEngine, createMemoryStore } from "@holdfast/engine";
import { createSeededRandom, createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { z } from "zod";
import { AccountOwners } from "../../packages/core/src/channels/account-owners.ts";
import { AccountRegistry } from "../../packages/core/src/channels/account-registry.ts";
import { RateLimiter } from "../../packages/core/src/channels/rate-limiter.ts";

type Receive = (inbound: Inbound, signal: AbortSignal) => Promise<void>;

const until = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

async function open(receive: Receive, stillAlive: () => Promise<void> | undefined) {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const engine = createMemoryEngine(createMemoryStore(), { clock });
  await clock.runUntil(engine.provision(storagePlan(1)));
  const accounts = new Map<string, Account>();
  const declare = (organization: string, settings: Record<string, unknown> = {}) =>
    accounts.set(organization, {
      kind: "Account",
      organization,
      name: "bot",
      channel: "fake",
      agent: "echo",
      settings,
    });
  declare("acme");
  declare("globex");
  let changed = (_organization: string) => {};
  const resources = {
    account: (organization: string) => accounts.get(organization),
    onChange: (...[_kind, listen]: Parameters<ResourceStore["onChange"]>) => {
      changed = (organization) => listen({ organization, name: "bot" });
      return () => {};
    },
  } as unknown as ResourceStore;
  const received: string[] = [];
  const channel = {
    kind: "fake",
    capabilities: { rates: { account: [], direct: [], group: [] } },
    settings: z.unknown(),
    open: ({ organization }: AccountOptions) => ({
      async receive(inbound: Inbound, signal: AbortSignal) {
        received.push(organization);
        await receive(inbound, signal);
      },
    }),
  } as unknown as Channel;
  const report = () => {};
  const registry = new AccountRegistry({
    resources,
    channels: new Map([["fake", channel]]),
    secret: () => "secret",
    clock,
    random,
    report,
  });
  const node = "n1" as NodeId;
  const assigned = [...accounts.keys()].map(
    (organization) => [`${organization}/bot`, { node, epoch: 1 }] as const,
  );
  const owners = new AccountOwners({
    node,
    registry,
    assignments: {
      of: (key: string) => assigned.find(([each]) => each === key)?.[1],
      all: assigned,
      onChange: () => {},
    } as never,
    heartbeats: {
      isAlive: () => true,
      isCutOff: false,
      onChange: () => {},
      stillAlive,
    },
    nodes: () => [node],
    keyValue: engine.keyValue,
    bus: engine.bus,
    clock,
    random,
    accept: async () => {},
    report,
  });
  owners.start();
  await clock.advance(1_000);
  return { clock, owners, received, declare, change: (name: string) => changed(name) };
}

test("an account goes on receiving while another organization changes one of its own", async () => {
  const world = await open(
    (_inbound, signal) => until(signal),
    () => undefined,
  );
  expect(world.received).toEqual(["acme", "globex"]);
  world.declare("globex", { changed: true });
  world.change("globex");
  await world.clock.advance(1_000);
  expect(world.received).toEqual(["acme", "globex", "globex"]);
});

test("a node that is cut off while it takes something in can stop", async () => {
  const world = await open(
    async (inbound) => inbound.accept([]),
    () => new Promise(() => {}),
  );
  let isClosed = false;
  void world.owners.close().then(() => {
    isClosed = true;
  });
  await world.clock.advance(60_000);
  expect(isClosed).toBe(true);
});

test("an account whose credentials were refused stays so, whatever its receiver says while it ends", async () => {
  const world = await open(
    async (inbound, signal) => {
      inbound.connected();
      await until(signal);
      inbound.disconnected("cut");
    },
    () => undefined,
  );
  expect(await world.owners.state("acme/bot")).toMatchObject({ status: "connected" });
  world.owners.refused("acme/bot", "revoked");
  await world.clock.advance(1_000);
  expect(await world.owners.state("acme/bot")).toMatchObject({ status: "unauthorized" });
});

test("a window holds no more than it may when the account's owner changes", () => {
  const rates = { account: [{ count: 5, perMs: 1_000 }], direct: [], group: [] };
  const granted: number[] = [];
  const ask = (limiter: RateLimiter, now: number) => {
    for (let n = 0; ; n += 1) {
      const answer = limiter.request({ chat: `c${n}`, isGroup: false, sentAgoMs: [] }, now);
      if (!("grantedAfterMs" in answer)) return;
      granted.push(now + answer.grantedAfterMs);
    }
  };
  ask(new RateLimiter(rates, -10_000), 0);
  // The next owner's, a moment later: the permits that were given are still being used.
  ask(new RateLimiter(rates, 10), 10);
  const fullest = Math.max(
    ...granted.map((start) => granted.filter((at) => at >= start && at < start + 1_000).length),
  );
  expect(fullest).toBeLessThanOrEqual(5);
});
