import { keyPattern, limits } from "@holdfast/core";
import { expect, test } from "vitest";
import {
  bytes,
  collect,
  everyByte,
  expectCode,
  type MakeEngine,
  patterned,
  plain,
  range,
  sameBytes,
  text,
  uniqueName,
  views,
} from "./harness.ts";

export function keyValueListTests(makeEngine: MakeEngine): void {
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

export function keyValueBoundaryTests(makeEngine: MakeEngine): void {
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
