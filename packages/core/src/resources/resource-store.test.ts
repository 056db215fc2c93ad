import { describe, expect, test } from "vitest";
import type { AgentRef } from "../ids.ts";
import { limits } from "../limits.ts";
import { resourceBucket } from "./stored-resource.ts";
import { acme, agent, provider } from "./testing/declared.ts";
import { createCell } from "./testing/fixture.ts";

const ref = (name: string, organization = "acme") =>
  ({ organization, agent: name }) as unknown as AgentRef;
const changes = (applied: readonly { change: string }[]) => applied.map(({ change }) => change);

describe("apply", () => {
  test("what was applied is read at once, by this node and by one that starts later", async () => {
    const cell = createCell();
    const store = await cell.open();
    const applied = await store.apply([agent("bo"), provider("p"), acme], {});
    expect(applied).toEqual([
      { kind: "Agent", organization: "acme", name: "bo", change: "created" },
      { kind: "Provider", organization: "acme", name: "p", change: "created" },
      { kind: "Organization", name: "acme", change: "created" },
    ]);
    for (const reader of [store, await cell.open()]) {
      expect(reader.organization("acme")).toEqual(acme);
      expect(reader.provider("acme", "p")).toEqual(provider("p"));
      expect(reader.agent(ref("bo"))).toEqual(agent("bo"));
      expect(reader.agent(ref("no"))).toBeUndefined();
      expect(reader.agent(ref("bo", "other"))).toBeUndefined();
      expect(reader.counts).toMatchObject({ Organization: 1, Provider: 1, Agent: 1 });
      await reader.close();
    }
  });

  test("unchanged resources are not written; changed ones tell what was before", async () => {
    const cell = createCell();
    const keyValue = await cell.keyValue();
    const store = await cell.open();
    const tool = (parameters: object) => ({
      tools: [{ type: "http", name: "t", description: "", url: "http://example.org", parameters }],
    });
    await store.apply([acme, agent("bo", tool({ type: "object", properties: {} }))], {});
    const { revision } = (await keyValue.get(resourceBucket, "agent.acme.bo")) ?? {};
    const same = agent("bo", tool({ properties: {}, type: "object" }));
    expect(changes(await store.apply([acme, same], {}))).toEqual(["unchanged", "unchanged"]);
    expect((await keyValue.get(resourceBucket, "agent.acme.bo"))?.revision).toBe(revision);
    const [changed] = await store.apply([agent("bo")], {});
    expect(changed).toMatchObject({ change: "changed", before: same });
    expect(store.agent(ref("bo"))).toEqual(agent("bo"));
    await store.close();
  });

  test("a dry run says what would change and writes nothing", async () => {
    const store = await createCell().open();
    expect(changes(await store.apply([acme, agent("bo")], { dryRun: true }))).toEqual([
      "created",
      "created",
    ]);
    expect(store.counts).toMatchObject({ Organization: 0, Provider: 0, Agent: 0 });
    await expect(store.apply([agent("bo")], { dryRun: true })).rejects.toMatchObject({
      code: "invalid_resource",
    });
    expect(await store.apply([], {})).toEqual([]);
    await store.close();
  });

  test("what another node just made can be referred to, and a cut off node says so", async () => {
    const cell = createCell();
    const [one, other] = [await cell.open(), await cell.open()];
    await one.apply([acme, provider("p")], {});
    // Nothing waits here for the other's watch.
    expect(changes(await other.apply([agent("bo", { model: "p/m" })], {}))).toEqual(["created"]);
    await one.close();
    await expect(one.apply([acme], {})).rejects.toMatchObject({ code: "not_ready" });
    await other.close();
  });

  test("applies beyond the limit are refused, those before it succeed", async () => {
    const store = await createCell().open();
    await store.apply([acme], {});
    const names = Array.from({ length: limits.resourceAppliesInFlight + 1 }, (_, i) => `n${i}`);
    const results = await Promise.allSettled(names.map((name) => store.apply([agent(name)], {})));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(
      limits.resourceAppliesInFlight,
    );
    expect(results.at(-1)).toMatchObject({ reason: { code: "node_busy", retryAfterMs: 1_000 } });
    await store.close();
  });
});

describe("delete", () => {
  test("takes away what nothing needs, names up to ten that need it", async () => {
    const store = await createCell().open();
    const many = Array.from({ length: 12 }, (_, i) => agent(`n${i}`, { model: "p/m" }));
    const fallback = agent("z", { model: { primary: "default", fallbacks: ["q/m"] } });
    await store.apply([acme, provider("p"), provider("q"), provider("pp"), ...many, fallback], {});

    const inUse = { code: "resource_in_use" };
    await expect(store.delete("Organization", undefined, "acme")).rejects.toMatchObject(inUse);
    const needed = await store.delete("Provider", "acme", "p").catch((error: unknown) => error);
    expect(needed).toMatchObject(inUse);
    const { details } = needed as { details: { path: string }[] };
    expect(details).toHaveLength(10);
    expect(details[0]).toEqual({ path: "Agent acme/n0", message: "needs Provider acme/p" });
    await expect(store.delete("Provider", "acme", "q")).rejects.toMatchObject({
      details: [{ path: "Agent acme/z" }],
    });

    await store.delete("Provider", "acme", "pp");
    for (let i = 0; i < 12; i += 1) await store.delete("Agent", "acme", `n${i}`);
    await store.delete("Agent", "acme", "z");
    expect(store.agent(ref("z"))).toBeUndefined();
    await store.delete("Provider", "acme", "p");
    await store.delete("Provider", "acme", "q");
    await store.delete("Organization", undefined, "acme");
    expect(store.counts).toMatchObject({ Organization: 0, Provider: 0, Agent: 0 });
    await store.close();
  });

  test("finds a user among more agents than are looked at together", async () => {
    const store = await createCell().open();
    const many = Array.from({ length: 4_100 }, (_, i) => agent(`n${String(i).padStart(4, "0")}`));
    await store.apply([acme, provider("p"), provider("q")], {});
    for (let i = 0; i < many.length; i += 1_000) await store.apply(many.slice(i, i + 1_000), {});
    await store.apply([agent("n4099", { model: "p/m" })], {});
    await expect(store.delete("Provider", "acme", "p")).rejects.toMatchObject({
      details: [{ path: "Agent acme/n4099" }],
    });
    await store.delete("Provider", "acme", "q");
    await store.close();
  });

  test("what is not there is not found", async () => {
    const store = await createCell().open();
    const notFound = { code: "not_found" };
    await expect(store.delete("Agent", "acme", "bo")).rejects.toMatchObject(notFound);
    await expect(store.delete("Organization", undefined, "acme")).rejects.toMatchObject(notFound);
    await store.close();
  });

  test("what was deleted can be made again, many times", async () => {
    const cell = createCell();
    const [one, other] = [await cell.open(), await cell.open()];
    await one.apply([acme], {});
    for (let i = 0; i < 20; i += 1) {
      expect(changes(await one.apply([agent("bo")], {}))).toEqual(["created"]);
      expect(one.agent(ref("bo"))).toBeDefined();
      await other.delete("Agent", "acme", "bo");
      expect(other.agent(ref("bo"))).toBeUndefined();
      await expect(one.delete("Agent", "acme", "bo")).rejects.toMatchObject({
        code: expect.stringMatching(/not_found|revision_conflict/),
      });
    }
    await one.close();
    await other.close();
  });
});
