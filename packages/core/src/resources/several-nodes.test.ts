import { describe, expect, test } from "vitest";
import { HoldfastError } from "../errors.ts";
import type { AgentRef } from "../ids.ts";
import type { KeyValue } from "../ports/key-value.ts";
import { openResourceStore } from "./open-resource-store.ts";
import { resourceBucket } from "./stored-resource.ts";
import { acme, agent, provider } from "./testing/declared.ts";
import { createCell, realClock, seen } from "./testing/fixture.ts";

const ref = (name: string) => ({ organization: "acme", agent: name }) as unknown as AgentRef;
const bytes = (text: string) => new TextEncoder().encode(text);

/** A store whose writes pass through `update`. */
async function openThrough(
  cell: ReturnType<typeof createCell>,
  over: (real: KeyValue) => Partial<KeyValue>,
) {
  const real = await cell.keyValue();
  return openResourceStore({ keyValue: { ...real, ...over(real) }, clock: realClock });
}

describe("two nodes", () => {
  test("see each other's changes and deletions", async () => {
    const cell = createCell();
    const [one, other] = [await cell.open(), await cell.open()];
    await one.apply([acme, agent("bo")], {});
    await seen(() => other.agent(ref("bo")) !== undefined);
    await one.apply([agent("bo", { instructions: "New." })], {});
    await seen(() => other.agent(ref("bo"))?.instructions === "New.");
    await one.delete("Agent", "acme", "bo");
    await seen(() => other.agent(ref("bo")) === undefined);
    expect(other.list("Agent", undefined, { limit: 10 }).items).toEqual([]);
    expect(other.counts).toMatchObject({ Organization: 1, Provider: 0, Agent: 0 });
    await one.close();
    await other.close();
  });

  test("that change the same agent at once lose nothing: one is told of the conflict", async () => {
    const cell = createCell();
    const stores = [await cell.open(), await cell.open()] as const;
    await stores[0].apply([acme], {});
    for (let round = 0; round < 30; round += 1) {
      const results = await Promise.allSettled(
        stores.map((store, i) => store.apply([agent("bo", { instructions: `${round}.${i}` })], {})),
      );
      const won = results.flatMap(({ status }, i) => (status === "fulfilled" ? [i] : []));
      const lost = results.filter((one) => one.status === "rejected");
      for (const { reason } of lost) expect(reason).toMatchObject({ code: "revision_conflict" });
      expect(won).toHaveLength(1);
      const reader = await cell.open();
      expect(reader.agent(ref("bo"))?.instructions).toBe(`${round}.${won[0]}`);
      await reader.close();
    }
    // After a conflict a repeat succeeds at once.
    await stores[0].apply([agent("bo", { instructions: "last" })], {});
    for (const store of stores) await store.close();
  });

  test.each([
    ["Provider", "acme", "p"],
    ["Organization", undefined, "acme"],
  ] as const)(
    "of which one deletes a %s that the other begins to use: never both",
    async (kind, organization, name) => {
      const outcomes = new Set<string>();
      for (let round = 0; round < 64; round += 1) {
        const cell = createCell();
        const user = await openThrough(cell, (real) => late(real, round % 8));
        const deleter = await openThrough(cell, (real) => late(real, Math.floor(round / 8)));
        const needed = kind === "Provider" ? [acme, provider("p")] : [acme];
        await user.apply(needed, {});
        await seen(() => deleter.counts.Organization + deleter.counts.Provider === needed.length);
        const results = await Promise.allSettled([
          user.apply([agent("bo", kind === "Provider" ? { model: "p/m" } : {})], {}),
          deleter.delete(kind, organization, name),
        ]);
        outcomes.add(results.map(({ status }) => status).join(" "));
        const reader = await cell.open();
        const stands = reader.list(kind, undefined, { limit: 1 }).items.length === 1;
        expect(stands || reader.agent(ref("bo")) === undefined, `round ${round}`).toBe(true);
        for (const store of [user, deleter, reader]) await store.close();
      }
      expect(outcomes).toContain("fulfilled rejected");
      expect(outcomes).toContain("rejected fulfilled");
      expect(outcomes).not.toContain("fulfilled fulfilled");
    },
  );
});

/** Every operation is sent some turns later. */
function late(real: KeyValue, turns: number): Partial<KeyValue> {
  const wait = async () => {
    for (let i = 0; i < turns; i += 1) await new Promise<void>((run) => realClock.soon(run));
  };
  return {
    get: (...call) => wait().then(() => real.get(...call)),
    update: (...call) => wait().then(() => real.update(...call)),
    delete: (...call) => wait().then(() => real.delete(...call)),
  };
}

describe("a write that fails in the middle", () => {
  const full = () => Promise.reject(new HoldfastError("storage_full", "The disk is full."));

  test("takes back what was written before it", async () => {
    const cell = createCell();
    await (await cell.open()).apply([acme, agent("old")], {});
    const store = await openThrough(cell, (real) => ({
      update: (bucket, key, value, revision) =>
        key === "agent.acme.bad" ? full() : real.update(bucket, key, value, revision),
    }));
    const set = [provider("p"), agent("old", { instructions: "x" }), agent("n"), agent("bad")];
    await expect(store.apply(set, {})).rejects.toMatchObject({
      code: "storage_full",
      message: "The disk is full. Nothing was applied.",
      details: [{ path: "resources[3]", message: "Agent acme/bad could not be written" }],
    });
    for (const reader of [store, await cell.open()]) {
      await seen(() => reader.counts.Provider === 0 && reader.counts.Agent === 1);
      expect(reader.agent(ref("old"))).toEqual(agent("old"));
      await reader.close();
    }
  });

  test("names what it could not take back", async () => {
    const cell = createCell();
    const store = await openThrough(cell, (real) => ({
      update: (bucket, key, value, revision) =>
        key.startsWith("agent.") ? full() : real.update(bucket, key, value, revision),
      delete: () => full(),
    }));
    await expect(store.apply([acme, agent("bo")], {})).rejects.toMatchObject({
      code: "append_outcome_unknown",
      details: [
        { path: "resources[1]", message: "Agent acme/bo could not be written" },
        {
          path: "resources[0]",
          message: "Organization acme was written and could not be taken back",
        },
      ],
    });
    await store.close();
  });

  test("is tried again when only the answer was lost, and is no conflict with itself", async () => {
    const cell = createCell();
    let lost = 0;
    const store = await openThrough(cell, (real) => ({
      async update(bucket, key, value, revision) {
        const stored = await real.update(bucket, key, value, revision);
        lost += 1;
        if (lost % 2 === 0) return stored;
        throw new HoldfastError("append_outcome_unknown", "No answer.");
      },
    }));
    await store.apply([acme, agent("bo")], {});
    await store.apply([agent("bo", { instructions: "x" })], {});
    expect(store.agent(ref("bo"))?.instructions).toBe("x");
    expect(lost).toBe(3);
    await store.close();
  });
});

describe("stored values that cannot be read", () => {
  test.each([
    ["agent.acme.bo", '{"v":2,"resource":{}}', "home_too_new"],
    ["channel.acme.bo", '{"v":1,"resource":{}}', "home_too_new"],
    ["agent.acme.bo", "not JSON", "data_corrupt"],
    ["agent.acme.bo", '{"resource":{}}', "data_corrupt"],
    ["what", "1", "data_corrupt"],
  ])("%s = %s stops the start with %s", async (key, text, code) => {
    const cell = createCell();
    await (await cell.keyValue()).put(resourceBucket, key, bytes(text));
    await expect(cell.open()).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`resources/${key}`),
    });
  });

  test("that come later are told to who reads them, and are mended by a new one", async () => {
    const cell = createCell();
    const store = await cell.open();
    await store.apply([acme, agent("bo"), agent("new")], {});
    const keyValue = await cell.keyValue();
    await keyValue.put(resourceBucket, "agent.acme.bo", Uint8Array.of(0xff, 0xfe));
    await keyValue.put(resourceBucket, "agent.acme.new", bytes('{"v":2,"resource":{}}'));
    await keyValue.put(resourceBucket, "organization.last", bytes('{"v":1,"resource":{}}'));
    await seen(() => store.counts.Organization === 2);
    const corrupt = expect.objectContaining({ code: "data_corrupt" });
    const tooNew = expect.objectContaining({ code: "home_too_new" });
    expect(() => store.agent(ref("bo"))).toThrow(corrupt);
    expect(() => store.organization("last")).toThrow(corrupt);
    expect(() => store.list("Agent", "acme", { limit: 10 })).toThrow(corrupt);
    expect(() => store.agent(ref("new"))).toThrow(tooNew);
    await expect(store.apply([agent("new")], {})).rejects.toEqual(tooNew);
    const [applied] = await store.apply([agent("bo")], {});
    expect(applied).toEqual({ kind: "Agent", organization: "acme", name: "bo", change: "changed" });
    await store.delete("Organization", undefined, "last");
    await store.close();
  });

  test("a start on a full disk reads what is there", async () => {
    const cell = createCell();
    await (await cell.open()).apply([acme, agent("bo")], {});
    const full = () => Promise.reject(new HoldfastError("storage_full", "The disk is full."));
    const store = await openThrough(cell, () => ({ put: full, update: full }));
    expect(store.agent(ref("bo"))).toEqual(agent("bo"));
    await expect(store.apply([agent("n")], {})).rejects.toMatchObject({ code: "storage_full" });
    await store.close();
  });
});
