import { type KeyEntry } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import {
  bytes,
  type ConformanceOptions,
  collect,
  expectCode,
  type MakeEngine,
  plain,
  range,
  suiteTimeoutMs,
  text,
  views,
  winners,
} from "./harness.ts";
import { keyValueBoundaryTests, keyValueListTests } from "./key-value-bounds.ts";
import { keyValueModelTest } from "./key-value-model.ts";
import { keyValueWatchTests } from "./key-value-watch.ts";

/** Defines the tests that every KeyValue adapter must pass. */
export function keyValueConformance(
  name: string,
  makeEngine: MakeEngine,
  options: ConformanceOptions = {},
): void {
  describe(`${name}: key-value`, { timeout: suiteTimeoutMs }, () => {
    writeTests(makeEngine);
    compareAndSetTests(makeEngine);
    deleteTests(makeEngine);
    keyValueListTests(makeEngine);
    keyValueBoundaryTests(makeEngine);
    keyValueWatchTests(makeEngine);
    keyValueModelTest(makeEngine, options.propertyRuns ?? 30);
  });
}

function writeTests(makeEngine: MakeEngine): void {
  const { open, withBucket } = views(makeEngine);

  test("a key that was never written is not there", async () => {
    const { engine, bucket } = await withBucket();
    expect(await engine.keyValue.get(bucket, "a")).toBeUndefined();
    expect(await collect(engine.keyValue.list(bucket, ""))).toEqual([]);
  });

  test("a put is read back with its revision, by every view at once", async () => {
    const { engine, bucket } = await withBucket();
    const other = await open();
    let before = 0;
    for (const index of range(30)) {
      const revision = await engine.keyValue.put(bucket, "a", bytes(`${index}`));
      expect(revision).toBeGreaterThan(before);
      before = revision;
      const entry = await other.keyValue.get(bucket, "a");
      expect(plain(entry)).toEqual(plain({ key: "a", value: bytes(`${index}`), revision }));
    }
  });

  test("the revisions of a bucket rise over all its keys", async () => {
    const { engine, bucket } = await withBucket();
    const revisions: number[] = [];
    for (const index of range(10))
      revisions.push(await engine.keyValue.put(bucket, `key.${index % 3}`, bytes("x")));
    expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
  });

  test("buckets do not share keys", async () => {
    const { engine, bucket } = await withBucket();
    const second = (await withBucket()).bucket;
    await engine.keyValue.put(bucket, "a", bytes("x"));
    expect(await engine.keyValue.get(second, "a")).toBeUndefined();
    expect(await engine.keyValue.update(second, "a", bytes("y"), 0)).toBeGreaterThan(0);
  });
}

function compareAndSetTests(makeEngine: MakeEngine): void {
  const { open, withBucket } = views(makeEngine);

  test("an update with the key's revision is stored, also when other keys changed since", async () => {
    const { engine, bucket } = await withBucket();
    const first = await engine.keyValue.put(bucket, "a", bytes("1"));
    await engine.keyValue.put(bucket, "b", bytes("other"));
    const second = await engine.keyValue.update(bucket, "a", bytes("2"), first);
    const third = await engine.keyValue.update(bucket, "a", bytes("3"), second);
    expect(third).toBeGreaterThan(second);
    expect(await valueOf("a")).toBe("3");

    async function valueOf(key: string) {
      const entry = await engine.keyValue.get(bucket, key);
      return entry && text(entry.value);
    }
  });

  test("an update with a stale or future revision is refused and not stored", async () => {
    const { engine, bucket } = await withBucket();
    const first = await engine.keyValue.put(bucket, "a", bytes("1"));
    const second = await engine.keyValue.put(bucket, "a", bytes("2"));
    for (const wrong of [first, second + 1, second + 1_000])
      await expectCode(
        engine.keyValue.update(bucket, "a", bytes("stale"), wrong),
        "revision_conflict",
      );
    await expectCode(engine.keyValue.update(bucket, "new", bytes("x"), 5), "revision_conflict");
    expect(plain(await engine.keyValue.get(bucket, "a"))).toEqual(
      plain({ key: "a", value: bytes("2"), revision: second }),
    );
    expect(await engine.keyValue.get(bucket, "new")).toBeUndefined();
  });

  test("revision 0 creates a key, refuses one that is there, and creates a deleted one", async () => {
    const { engine, bucket } = await withBucket();
    const create = (value: string) => engine.keyValue.update(bucket, "a", bytes(value), 0);
    const first = await create("1");
    await expectCode(create("again"), "revision_conflict");
    await engine.keyValue.delete(bucket, "a");
    const second = await create("2");
    expect(second).toBeGreaterThan(first);
    await expectCode(create("again"), "revision_conflict");
    expect(text((await engine.keyValue.get(bucket, "a"))?.value ?? bytes(""))).toBe("2");
  });

  test("a revision from before a delete is stale", async () => {
    const { engine, bucket } = await withBucket();
    const revision = await engine.keyValue.put(bucket, "a", bytes("1"));
    await engine.keyValue.delete(bucket, "a");
    await expectCode(
      engine.keyValue.update(bucket, "a", bytes("2"), revision),
      "revision_conflict",
    );
    expect(await engine.keyValue.get(bucket, "a")).toBeUndefined();
  });

  test("of 50 racing updates of two views exactly one wins, on a new and on a written key", async () => {
    const { engine, bucket } = await withBucket();
    const other = await open();
    let revision = 0;
    for (const round of range(3)) {
      const results = await Promise.allSettled(
        range(50).map((index) =>
          (index % 2 ? engine : other).keyValue.update(bucket, "a", bytes(`${index}`), revision),
        ),
      );
      expect(winners(results, "revision_conflict"), `round ${round}`).toBe(1);
      const winner = results.findIndex((result) => result.status === "fulfilled");
      const entry = (await other.keyValue.get(bucket, "a")) as KeyEntry;
      expect(text(entry.value)).toBe(`${winner}`);
      revision = entry.revision;
    }
  });
}

function deleteTests(makeEngine: MakeEngine): void {
  const { open, withBucket } = views(makeEngine);

  test("a deleted key is gone for every view; deleting it again is no error", async () => {
    const { engine, bucket } = await withBucket();
    const other = await open();
    await engine.keyValue.put(bucket, "a", bytes("1"));
    for (const key of ["a", "a", "never"]) await engine.keyValue.delete(bucket, key);
    expect(await other.keyValue.get(bucket, "a")).toBeUndefined();
    expect(await collect(other.keyValue.list(bucket, ""))).toEqual([]);
  });

  test("a delete with a revision removes only that revision", async () => {
    const { engine, bucket } = await withBucket();
    const first = await engine.keyValue.put(bucket, "a", bytes("1"));
    const second = await engine.keyValue.put(bucket, "a", bytes("2"));
    await expectCode(engine.keyValue.delete(bucket, "a", first), "revision_conflict");
    expect((await engine.keyValue.get(bucket, "a"))?.revision).toBe(second);
    await engine.keyValue.delete(bucket, "a", second);
    expect(await engine.keyValue.get(bucket, "a")).toBeUndefined();
    await engine.keyValue.delete(bucket, "a", second);
  });
}
