import type { Engine, LogRecord } from "@holdfast/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  collect,
  collector,
  expectCode,
  type MakeEngine,
  newLog,
  plain,
  views,
} from "./harness.ts";

/** What a log must be like: all records ever appended, and the first that is left. */
interface Model {
  readonly records: Uint8Array[];
  first: number;
}

type Operation =
  | { readonly type: "append"; readonly data: Uint8Array }
  /** `offset` from the true last sequence: 0 is right. */
  | { readonly type: "fenced"; readonly data: Uint8Array; readonly offset: number }
  /** `place` from the log's last sequence backwards. */
  | { readonly type: "read" | "truncate" | "follow"; readonly place: number };

const data = fc.uint8Array({ maxLength: 40 });
const place = fc.integer({ min: -3, max: 12 });
const operations = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ type: fc.constant("append" as const), data }) },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant("fenced" as const),
        data,
        offset: fc.constantFrom(0, 0, 0, -1, 1, 5),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ type: fc.constantFrom("read", "truncate", "follow" as const), place }),
    },
  ),
  { maxLength: 40 },
);

export function messageLogModelTest(makeEngine: MakeEngine, runs: number): void {
  const { open } = views(makeEngine);

  test("random operations of two views agree with the model", async () => {
    const engines = [await open(), await open()] as const;
    await fc.assert(
      fc.asyncProperty(operations, async (sequence) => runAgainstModel(engines, sequence)),
      { numRuns: runs },
    );
  });
}

async function runAgainstModel(
  engines: readonly [Engine, Engine],
  sequence: readonly Operation[],
): Promise<void> {
  const log = await newLog(engines[0]);
  const model: Model = { records: [], first: 1 };
  const finishes: (() => Promise<void>)[] = [];
  for (const [index, operation] of sequence.entries()) {
    const engine = engines[index % 2] as Engine;
    const finish = await apply(engine, log, model, operation);
    if (finish) finishes.push(finish);
    const { first, last } = await engine.messageLog.bounds(log);
    expect({ first, last }).toEqual({ first: model.first, last: model.records.length });
  }
  for (const finish of finishes) await finish();
}

/** Runs one operation; a follow gives back the check of what it saw to the end. */
async function apply(
  engine: Engine,
  log: string,
  model: Model,
  operation: Operation,
): Promise<(() => Promise<void>) | undefined> {
  const { messageLog } = engine;
  const last = model.records.length;
  switch (operation.type) {
    case "append":
      model.records.push(operation.data);
      expect(await messageLog.append(log, operation.data)).toBe(last + 1);
      return undefined;
    case "fenced": {
      const expectedLast = Math.max(0, last + operation.offset);
      const appending = messageLog.append(log, operation.data, { expectedLast });
      if (expectedLast !== last) await expectCode(appending, "wrong_last_sequence");
      else {
        expect(await appending).toBe(last + 1);
        model.records.push(operation.data);
      }
      return undefined;
    }
    case "truncate": {
      const before = Math.max(0, last - operation.place);
      await messageLog.truncate(log, before);
      if (last > 0) model.first = Math.max(model.first, Math.min(before, last));
      return undefined;
    }
    case "read": {
      const from = Math.max(0, last - operation.place);
      expect((await collect(messageLog.read(log, from))).map(plain)).toEqual(
        wanted(model, from).map(plain),
      );
      return undefined;
    }
    case "follow":
      return follow(engine, log, model, Math.max(1, last - operation.place));
  }
}

/**
 * A truncation may take records before a follower gets them; what is left at the end it must have seen,
 * everything in order and once.
 */
async function follow(engine: Engine, log: string, model: Model, from: number) {
  const seen = collector<LogRecord>();
  const follower = await engine.messageLog.follow(log, from, seen.add);
  return async () => {
    const last = model.records.length;
    if (last >= from)
      await seen.until(`record ${last}`, (items) => (items.at(-1)?.sequence ?? 0) >= last);
    await follower.close();
    let previous = from - 1;
    for (const record of seen.items) {
      expect(record.sequence).toBeGreaterThan(previous);
      expect([...record.data]).toEqual([...(model.records[record.sequence - 1] ?? [-1])]);
      previous = record.sequence;
    }
    const left = wanted(model, from);
    expect(seen.items.slice(seen.items.length - left.length).map(plain)).toEqual(left.map(plain));
  };
}

function wanted(model: Model, from: number): LogRecord[] {
  const begin = Math.max(from, model.first);
  return model.records
    .map((data, index) => ({ sequence: index + 1, data }))
    .filter((record) => record.sequence >= begin);
}
