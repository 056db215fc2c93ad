import type { KeyChange, KeyEntry, KeyValue } from "@holdfast/core";
import { limits } from "@holdfast/core";
import { expect, test } from "vitest";
import { createTokens } from "./tokens.ts";

/** One store, seen by several nodes; `deliver` hands over the changes that wait. */
function sharedStore() {
  const entries = new Map<string, KeyEntry>();
  const watchers: { handle: (change: KeyChange) => void; waiting: KeyChange[] }[] = [];
  let revision = 0;
  const tell = (change: KeyChange) => {
    for (const { waiting } of watchers) waiting.push(change);
  };
  const put = async (_bucket: string, key: string, value: Uint8Array) => {
    revision += 1;
    entries.set(key, { key, value, revision });
    tell({ key, value, revision });
    return revision;
  };
  const keyValue: KeyValue = {
    put,
    update: put,
    get: async (_bucket, key) => entries.get(key),
    async delete(_bucket, key) {
      revision += 1;
      entries.delete(key);
      tell({ key, value: undefined, revision });
    },
    async *list() {
      yield* entries.values();
    },
    async watch(_bucket, _prefix, handle) {
      for (const entry of entries.values()) handle(entry);
      const watcher = { handle, waiting: [] };
      watchers.push(watcher);
      return { close: async () => void watchers.splice(watchers.indexOf(watcher), 1) };
    },
  };
  const deliver = () => {
    for (const { handle, waiting } of watchers) for (const one of waiting.splice(0)) handle(one);
  };
  return { keyValue, entries, deliver };
}

let count = 0;
const random = {
  next: () => 0.5,
  token: (length: number) => String(++count).padStart(length, "0"),
};
let now = 0;
const clock = {
  now: () => ++now,
  monotonic: () => 0,
  schedule: () => () => {},
  soon: () => {},
};
const nodeOn = ({ keyValue }: { keyValue: KeyValue }) => createTokens({ keyValue, random, clock });

test("only the hash of a token is stored", async () => {
  const store = sharedStore();
  const tokens = await nodeOn(store);
  const { token, record } = await tokens.create({ name: "ci", organization: "demo" });
  expect(token).toMatch(/^hf_[0-9a-z]{40}$/);
  expect(tokens.find(token)).toEqual(record);
  const [entry] = [...store.entries.values()];
  expect(entry?.key).toMatch(/^[0-9a-f]{64}$/);
  const stored = `${entry?.key} ${Buffer.from(entry?.value ?? []).toString()}`;
  expect(stored).not.toContain(token.slice(3));
});

test("tokens are found after a restart, and on other nodes once the change arrives", async () => {
  const store = sharedStore();
  const [first, second] = [await nodeOn(store), await nodeOn(store)];
  const { token, record } = await first.create({ name: "ci", organization: null });
  expect(second.find(token)).toBeUndefined();
  store.deliver();
  expect(second.find(token)).toEqual(record);
  expect((await nodeOn(store)).find(token)).toEqual(record);
});

test("a revoked token is unknown at once, and the watch's older write does not bring it back", async () => {
  const store = sharedStore();
  const [first, second] = [await nodeOn(store), await nodeOn(store)];
  const { token, record } = await first.create({ name: "ci", organization: "demo" });
  expect(first.find(token)).toBeDefined();
  await expect(first.revoke("other", record.id)).rejects.toMatchObject({ code: "token_not_found" });
  await first.revoke("demo", record.id);
  expect(first.find(token)).toBeUndefined();
  store.deliver();
  expect(first.find(token)).toBeUndefined();
  expect(second.find(token)).toBeUndefined();
  expect(first.list("demo")).toEqual([]);
});

test("lists are per organization, oldest first, and can be ended as a whole", async () => {
  const tokens = await nodeOn(sharedStore());
  for (const name of ["a", "b"]) await tokens.create({ name, organization: "demo" });
  const kept = await tokens.create({ name: "c", organization: "other", requestsPerSecond: 5 });
  expect(tokens.list("demo").map(({ name }) => name)).toEqual(["a", "b"]);
  await tokens.revokeAll("demo");
  expect(tokens.list("demo")).toEqual([]);
  expect(tokens.find(kept.token)).toMatchObject({ requestsPerSecond: 5 });
  expect(tokens.list(null)).toEqual([]);
});

test("a token chosen elsewhere is adopted once, and later only takes another name", async () => {
  const store = sharedStore();
  const tokens = await nodeOn(store);
  const other = await nodeOn(store);
  const text = `hf_${"a".repeat(40)}`;
  const first = await tokens.adopt(text, { name: "admin", organization: null });
  expect(await tokens.adopt(text, { name: "admin", organization: null })).toBe(first);
  store.deliver();
  expect(other.find(text)).toEqual(first);
  const renamed = { ...first, name: "again" };
  expect(await tokens.adopt(text, { name: "again", organization: null })).toEqual(renamed);
  store.deliver();
  for (const each of [tokens, other, await nodeOn(store)]) {
    expect(each.find(text)).toEqual(renamed);
    expect(each.list(null)).toHaveLength(1);
  }
  await expect(tokens.adopt("short", { name: "x", organization: null })).rejects.toMatchObject({
    code: "invalid_request",
  });
});

test("an administrator's token that was revoked is never adopted again", async () => {
  const store = sharedStore();
  const node = await nodeOn(store);
  const other = await nodeOn(store);
  const admin = { name: "first admin", organization: null };
  const { token, record } = await node.create(admin);
  store.deliver();
  expect(other.find(token)).toEqual(record);
  await node.revoke(null, record.id);
  expect(node.find(token)).toBeUndefined();
  store.deliver();
  expect(other.find(token)).toBeUndefined();
  for (const each of [node, other, await nodeOn(store)]) {
    expect(await each.adopt(token, admin)).toBeUndefined();
    expect(each.find(token)).toBeUndefined();
    expect(each.list(null)).toEqual([]);
  }
});

test("broken records open nothing, and an organization has only so many tokens", async () => {
  const store = sharedStore();
  const value = new TextEncoder().encode("{");
  store.entries.set("broken", { key: "broken", value, revision: 1 });
  const tokens = await nodeOn(store);
  for (let i = 0; i < limits.tokensPerOrganization; i += 1) {
    await tokens.create({ name: `t${i}`, organization: "demo" });
  }
  await expect(tokens.create({ name: "more", organization: "demo" })).rejects.toThrow("revoke one");
});
