import { type KeyEntry, keyPattern, limits } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import {
  bytes,
  type ConformanceOptions,
  collect,
  everyByte,
  expectCode,
  type MakeEngine,
  patterned,
  plain,
  range,
  sameBytes,
  suiteTimeoutMs,
  text,
  uniqueName,
  views,
  winners,
} from "./harness.ts";
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
    listTests(makeEngine);
    boundaryTests(makeEngine);
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

function listTests(makeEngine: MakeEngine): void {
  const { withBucket } = views(makeEngine);

  test("a list covers exactly what stands under its prefix, in order of revision", async () => {
    const { engine, bucket } = await withBucket();
    const keys = ["a.b", "a.bc", "a.b.c", "a", "b.a.b", "a.b.c.d", "a-b", "z"];
    for (const key of keys) await engine.keyValue.put(bucket, key, bytes(key));
    await engine.keyValue.put(bucket, "a.b", bytes("again"));
    await engine.keyValue.delete(bucket, "z");
    const listed = async (prefix: string) =>
      (await collect(engine.keyValue.list(bucket, prefix))).map((entry) => entry.key);
    expect(await listed("a.b")).toEqual(["a.b.c", "a.b.c.d", "a.b"]);
    expect(await listed("a")).toEqual(["a.bc", "a.b.c", "a", "a.b.c.d", "a.b"]);
    expect(await listed("a.b.c.d")).toEqual(["a.b.c.d"]);
    expect(await listed("nothing")).toEqual([]);
    expect(await listed("")).toEqual(["a.bc", "a.b.c", "a", "b.a.b", "a.b.c.d", "a-b", "a.b"]);
    for await (const entry of engine.keyValue.list(bucket, ""))
      expect(plain(entry)).toEqual(plain(await engine.keyValue.get(bucket, entry.key)));
  });

  test("a list of 2,000 keys is whole, and a reader may stop early", async () => {
    const { engine, bucket } = await withBucket();
    const revisions = new Map<string, number>();
    for (const hundred of range(20))
      await Promise.all(
        range(100).map(async (index) => {
          const key = `many.${hundred}.${index}`;
          revisions.set(key, await engine.keyValue.put(bucket, key, bytes(key)));
        }),
      );
    const entries = await collect(engine.keyValue.list(bucket, "many"));
    expect(entries.length).toBe(2_000);
    for (const entry of entries) {
      expect(entry.revision).toBe(revisions.get(entry.key));
      expect(text(entry.value)).toBe(entry.key);
    }
    const order = entries.map((entry) => entry.revision);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect((await collect(engine.keyValue.list(bucket, "many.7"))).length).toBe(100);
    for await (const entry of engine.keyValue.list(bucket, "many")) if (entry.key) break;
    expect((await engine.keyValue.get(bucket, "many.0.0"))?.key).toBe("many.0.0");
  });
}

function boundaryTests(makeEngine: MakeEngine): void {
  const { open, withBucket } = views(makeEngine);

  test("every byte value and the empty value come back as they went in", async () => {
    const { engine, bucket } = await withBucket();
    for (const [index, value] of [everyByte(), new Uint8Array(0), Uint8Array.of(0)].entries()) {
      await engine.keyValue.put(bucket, `key.${index}`, value);
      const entry = await engine.keyValue.get(bucket, `key.${index}`);
      expect([...(entry?.value ?? [-1])]).toEqual([...value]);
    }
    expect((await collect(engine.keyValue.list(bucket, ""))).length).toBe(3);
  });

  test("a value at the limit is stored, one byte more is refused and not stored", async () => {
    const { engine, bucket } = await withBucket();
    const largest = patterned(limits.enginePayloadBytes);
    const revision = await engine.keyValue.update(bucket, "a", largest, 0);
    const tooLarge = new Uint8Array(limits.enginePayloadBytes + 1);
    await expectCode(engine.keyValue.put(bucket, "a", tooLarge), "payload_too_large");
    await expectCode(engine.keyValue.update(bucket, "a", tooLarge, revision), "payload_too_large");
    const entry = await engine.keyValue.get(bucket, "a");
    expect(entry?.revision).toBe(revision);
    expect(sameBytes(entry?.value, largest)).toBe(true);
  });

  test("every key that fits the pattern can be used", async () => {
    const { engine, bucket } = await withBucket();
    const keys = [
      "a",
      "0",
      "-",
      "_",
      "=",
      "a.B-c_d=.e",
      "x".repeat(400),
      "a.".repeat(100).concat("z"),
    ];
    for (const key of keys) {
      expect(keyPattern.test(key)).toBe(true);
      await engine.keyValue.put(bucket, key, bytes(key));
      expect(text((await engine.keyValue.get(bucket, key))?.value ?? bytes(""))).toBe(key);
      await engine.keyValue.delete(bucket, key);
      expect(await engine.keyValue.get(bucket, key)).toBeUndefined();
    }
  });

  test("an impossible key is refused by every operation", async () => {
    const { engine, bucket } = await withBucket();
    const { keyValue } = engine;
    const wrong = ["", ".a", "a.", "a..b", "a b", "a/b", "a*", "*", ">", "a.>", "ä", "a\n", "a\0"];
    for (const key of [...wrong, "x".repeat(2_000)]) {
      await expectCode(keyValue.get(bucket, key), "invalid_request");
      await expectCode(keyValue.put(bucket, key, bytes("x")), "invalid_request");
      await expectCode(keyValue.update(bucket, key, bytes("x"), 0), "invalid_request");
      await expectCode(keyValue.delete(bucket, key), "invalid_request");
      if (key === "") continue;
      await expectCode(collect(keyValue.list(bucket, key)), "invalid_request");
      await expectCode(
        keyValue.watch(bucket, key, () => {}),
        "invalid_request",
      );
    }
    expect(await collect(keyValue.list(bucket, ""))).toEqual([]);
  });

  test("a bucket that was not provisioned is unavailable, an impossible name is refused", async () => {
    const { keyValue } = await open();
    const absent = uniqueName("absent");
    await expectCode(keyValue.get(absent, "a"), "engine_unavailable");
    await expectCode(keyValue.put(absent, "a", bytes("x")), "engine_unavailable");
    await expectCode(collect(keyValue.list(absent, "")), "engine_unavailable");
    await expectCode(
      keyValue.watch(absent, "", () => {}),
      "engine_unavailable",
    );
    for (const name of ["", "a.b", "a b", "a*"])
      await expectCode(keyValue.put(name, "a", bytes("x")), "invalid_request");
  });
}
