import type { Engine, KeyChange, KeyEntry } from "@holdfast/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ChangeLine, expectChanges } from "./changes.ts";
import {
  bytes,
  collect,
  collector,
  expectCode,
  type MakeEngine,
  newBucket,
  plain,
  views,
} from "./harness.ts";

/** Entries in order of revision. */
type Model = Map<string, KeyEntry>;

type Operation =
  | { readonly type: "put" | "get" | "delete"; readonly key: string; readonly value: Uint8Array }
  | {
      readonly type: "update" | "deleteRevision";
      readonly key: string;
      readonly value: Uint8Array;
      readonly revision: "right" | "older" | "newer" | "none";
    }
  | { readonly type: "list" | "watch"; readonly prefix: string };

const key = fc.constantFrom("a", "a.b", "a.b.c", "a.bc", "b");
const value = fc.uint8Array({ maxLength: 20 });
const operations = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ type: fc.constantFrom("put", "get", "delete" as const), key, value }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        type: fc.constantFrom("update", "update", "deleteRevision" as const),
        key,
        value,
        revision: fc.constantFrom("right", "right", "older", "newer", "none" as const),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constantFrom("list", "watch" as const),
        prefix: fc.constantFrom("", "a", "a.b", "b", "c"),
      }),
    },
  ),
  { maxLength: 40 },
);

export function keyValueModelTest(makeEngine: MakeEngine, runs: number): void {
  const { open } = views(makeEngine);

  test("random operations of two views agree with the model", async () => {
    const engines = [await open(), await open()] as const;
    await fc.assert(
      fc.asyncProperty(operations, (sequence) => runAgainstModel(engines, sequence)),
      { numRuns: runs },
    );
  });
}

async function runAgainstModel(
  engines: readonly [Engine, Engine],
  sequence: readonly Operation[],
): Promise<void> {
  const bucket = await newBucket(engines[0]);
  const model: Model = new Map();
  const changes: KeyChange[] = [];
  const finishes: (() => Promise<void>)[] = [];
  for (const [index, operation] of sequence.entries()) {
    const engine = engines[index % 2] as Engine;
    const finish = await apply(engine, bucket, model, changes, operation);
    if (finish) finishes.push(finish);
  }
  for (const finish of finishes) await finish();
}

/** Runs one operation; a watch gives back the check of what it saw to the end. */
async function apply(
  engine: Engine,
  bucket: string,
  model: Model,
  changes: KeyChange[],
  operation: Operation,
): Promise<(() => Promise<void>) | undefined> {
  const { keyValue } = engine;
  switch (operation.type) {
    case "put":
      write(await keyValue.put(bucket, operation.key, operation.value), operation);
      return undefined;
    case "get":
      expect(plain(await keyValue.get(bucket, operation.key))).toEqual(
        plain(model.get(operation.key)),
      );
      return undefined;
    case "delete":
      await keyValue.delete(bucket, operation.key);
      remove(operation.key);
      return undefined;
    case "update": {
      const found = model.get(operation.key)?.revision ?? 0;
      const revision = chosen(operation.revision, found);
      const updating = keyValue.update(bucket, operation.key, operation.value, revision);
      if (revision === found) write(await updating, operation);
      else await expectCode(updating, "revision_conflict");
      return undefined;
    }
    case "deleteRevision": {
      const found = model.get(operation.key)?.revision;
      const revision = chosen(operation.revision, found ?? 0);
      const deleting = keyValue.delete(bucket, operation.key, revision);
      if (found !== undefined && revision !== found)
        await expectCode(deleting, "revision_conflict");
      else {
        await deleting;
        remove(operation.key);
      }
      return undefined;
    }
    case "list":
      expect((await collect(keyValue.list(bucket, operation.prefix))).map(plain)).toEqual(
        under(operation.prefix, [...model.values()]).map(plain),
      );
      return undefined;
    case "watch":
      return watch(engine, bucket, model, changes, operation.prefix);
  }

  function write(revision: number, { key, value }: { key: string; value: Uint8Array }): void {
    expect(revision).toBeGreaterThan(changes.at(-1)?.revision ?? 0);
    const entry = { key, value, revision };
    model.delete(key);
    model.set(key, entry);
    changes.push(entry);
  }
  function remove(key: string): void {
    // The revision of a delete is not told to its caller: the last known one stands for it.
    if (model.delete(key))
      changes.push({ key, value: undefined, revision: changes.at(-1)?.revision ?? 0 });
  }
}

async function watch(
  engine: Engine,
  bucket: string,
  model: Model,
  changes: readonly KeyChange[],
  prefix: string,
): Promise<() => Promise<void>> {
  const before = under(prefix, [...model.values()]);
  const begin = changes.length;
  const seen = collector<KeyChange>();
  const watching = await engine.keyValue.watch(bucket, prefix, seen.add);
  return async () => {
    const wanted = [...before, ...under(prefix, changes.slice(begin))];
    const mark = prefix === "" ? "mark" : `${prefix}.mark`;
    await engine.keyValue.put(bucket, mark, bytes("!"));
    await seen.until(mark, (items) => items.at(-1)?.key === mark);
    await watching.close();
    await engine.keyValue.delete(bucket, mark);
    const found = seen.items.filter((change) => !change.key.endsWith("mark"));
    expectChanges(found.map(lineOf), wanted.map(lineOf));
    const revisions = seen.items.map(({ revision }) => revision);
    expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
  };
}

function lineOf({ key, value, revision }: KeyChange): ChangeLine {
  return value === undefined ? `${key} gone` : `${key}=${revision}:${value.join(",")}`;
}

function under<T extends KeyChange>(prefix: string, entries: readonly T[]): T[] {
  return entries.filter(({ key }) => !prefix || key === prefix || key.startsWith(`${prefix}.`));
}

function chosen(kind: "right" | "older" | "newer" | "none", found: number): number {
  return { right: found, older: Math.max(0, found - 1), newer: found + 1, none: 0 }[kind];
}
