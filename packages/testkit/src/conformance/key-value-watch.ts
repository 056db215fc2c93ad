import type { Engine, KeyChange } from "@holdfast/core";
import { expect, test } from "vitest";
import { expectChanges } from "./changes.ts";
import {
  bytes,
  type Collector,
  collector,
  type MakeEngine,
  range,
  text,
  views,
} from "./harness.ts";

export function keyValueWatchTests(makeEngine: MakeEngine): void {
  const { open, withBucket } = views(makeEngine);

  test("a watch gives what is there in order of revision, then every change in order", async () => {
    const { engine, bucket } = await withBucket();
    const other = await open();
    for (const key of ["b", "a", "gone", "b"]) await engine.keyValue.put(bucket, key, bytes(key));
    await engine.keyValue.delete(bucket, "gone");
    const seen = await watch(engine, bucket, "");
    await other.keyValue.put(bucket, "c", bytes("1"));
    await engine.keyValue.put(bucket, "c", bytes("2"));
    await other.keyValue.delete(bucket, "a");
    await engine.keyValue.put(bucket, "a", bytes("new"));
    expectChanges(await seenUpTo(seen, "a=new"), ["a=a", "b=b", "c=1", "c=2", "a gone", "a=new"]);
    const revisions = seen.items.map((change) => change.revision);
    expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
  });

  test("a change has the revision that the write returned", async () => {
    const { engine, bucket } = await withBucket();
    const before = await engine.keyValue.put(bucket, "a", bytes("1"));
    const seen = await watch(engine, bucket, "a");
    const after = await engine.keyValue.update(bucket, "a", bytes("2"), before);
    await seenUpTo(seen, "a=2");
    expect([[before, after], [after]]).toContainEqual(seen.items.map((change) => change.revision));
  });

  test("a watch sees exactly what stands under its prefix", async () => {
    const { engine, bucket } = await withBucket();
    const keys = ["a.b", "a.bc", "a.b.c", "a", "a.b.c.d", "b"];
    const under = ["a.b", "a.b.c", "a.b.c.d"];
    for (const key of keys) await engine.keyValue.put(bucket, key, bytes("old"));
    const seen = await watch(engine, bucket, "a.b");
    for (const key of keys) await engine.keyValue.put(bucket, key, bytes("new"));
    for (const key of keys) await engine.keyValue.delete(bucket, key);
    await engine.keyValue.put(bucket, "a.b.mark", bytes("!"));
    expectChanges(await seenUpTo(seen, "a.b.mark=!"), [
      ...under.map((key) => `${key}=old`),
      ...under.map((key) => `${key}=new`),
      ...under.map((key) => `${key} gone`),
      "a.b.mark=!",
    ]);
  });

  test("writes racing with the start of a watch are neither missed nor repeated", async () => {
    const { engine, bucket } = await withBucket();
    const other = await open();
    const writing = Promise.all(
      range(200).map((index) =>
        (index % 2 ? engine : other).keyValue.put(bucket, `key.${index}`, bytes(`${index}`)),
      ),
    );
    const watches = await Promise.all([engine, other].map((view) => watch(view, bucket, "key")));
    const revisions = await writing;
    await engine.keyValue.put(bucket, "key.mark", bytes("!"));
    const wanted = revisions
      .map((revision, index) => ({ revision, line: `key.${index}=${index}` }))
      .toSorted((a, b) => a.revision - b.revision)
      .map(({ line }) => line);
    for (const seen of watches)
      expectChanges(await seenUpTo(seen, "key.mark=!"), [...wanted, "key.mark=!"]);
  });

  test("of a key that changes fast the last value is seen, and none out of order", async () => {
    const { engine, bucket } = await withBucket();
    const seen = await watch(await open(), bucket, "");
    for (const index of range(100)) await engine.keyValue.put(bucket, "a", bytes(`${index}`));
    expectChanges(
      await seenUpTo(seen, "a=99"),
      range(100).map((index) => `a=${index}`),
    );
  });

  test("empty values are values", async () => {
    const { engine, bucket } = await withBucket();
    await engine.keyValue.put(bucket, "a", new Uint8Array(0));
    const seen = await watch(engine, bucket, "");
    await engine.keyValue.put(bucket, "b", new Uint8Array(0));
    expectChanges(await seenUpTo(seen, "b="), ["a=", "b="]);
  });

  test("nothing is handed over once the close is done, and others go on", async () => {
    const { engine, bucket } = await withBucket();
    const closed = collector<KeyChange>();
    const watching = await engine.keyValue.watch(bucket, "", closed.add);
    const other = await watch(engine, bucket, "");
    await engine.keyValue.put(bucket, "a", bytes("1"));
    await seenUpTo(closed, "a=1");
    await watching.close();
    await watching.close();
    for (const value of ["2", "3"]) await engine.keyValue.put(bucket, "a", bytes(value));
    expectChanges(await seenUpTo(other, "a=3"), ["a=1", "a=2", "a=3"]);
    expect(lines(closed)).toEqual(["a=1"]);
  });
}

async function watch(engine: Engine, bucket: string, prefix: string) {
  const seen = collector<KeyChange>();
  await engine.keyValue.watch(bucket, prefix, seen.add);
  return seen;
}

async function seenUpTo(seen: Collector<KeyChange>, line: string): Promise<string[]> {
  await seen.until(line, () => lines(seen).at(-1) === line);
  return lines(seen);
}

function lines(seen: Collector<KeyChange>): string[] {
  return seen.items.map(({ key, value }) => (value ? `${key}=${text(value)}` : `${key} gone`));
}
