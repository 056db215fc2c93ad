import type { Engine, LogRecord } from "@holdfast/core";
import { expect, test } from "vitest";
import {
  bytes,
  recordLines,
  type Collector,
  collector,
  type MakeEngine,
  range,
  views,
} from "./harness.ts";

export function messageLogFollowTests(makeEngine: MakeEngine): void {
  const { open, withLog } = views(makeEngine);

  test("a follower from the beginning, the middle and the future sees what it should", async () => {
    const { engine, log } = await withLog();
    for (const name of ["a", "b", "c"]) await engine.messageLog.append(log, bytes(name));
    const [all, middle, future, ended] = await Promise.all(
      [1, 2, 6, 4].map((from) => follow(engine, log, from)),
    );
    for (const name of ["d", "e", "f", "g"]) await engine.messageLog.append(log, bytes(name));
    expect(await seenUpTo(all, 7)).toEqual(["1:a", "2:b", "3:c", "4:d", "5:e", "6:f", "7:g"]);
    expect(await seenUpTo(middle, 7)).toEqual(["2:b", "3:c", "4:d", "5:e", "6:f", "7:g"]);
    expect(await seenUpTo(future, 7)).toEqual(["6:f", "7:g"]);
    expect(await seenUpTo(ended, 7)).toEqual(["4:d", "5:e", "6:f", "7:g"]);
  });

  test("a follower of an empty log sees its first record", async () => {
    const { engine, log } = await withLog();
    const seen = await follow(engine, log, 1);
    await engine.messageLog.append(log, bytes("a"));
    expect(await seenUpTo(seen, 1)).toEqual(["1:a"]);
  });

  test("a follower of a truncated region begins with what is left", async () => {
    const { engine, log } = await withLog();
    for (const name of ["a", "b", "c"]) await engine.messageLog.append(log, bytes(name));
    await engine.messageLog.truncate(log, 3);
    const seen = await follow(engine, log, 1);
    await engine.messageLog.append(log, bytes("d"));
    expect(await seenUpTo(seen, 4)).toEqual(["3:c", "4:d"]);
  });

  test("a follower goes on while the log is truncated behind it", async () => {
    const { engine, log } = await withLog();
    const seen = await follow(engine, log, 1);
    for (const index of range(20)) {
      const sequence = await engine.messageLog.append(log, bytes(`${index}`));
      await seenUpTo(seen, sequence);
      await engine.messageLog.truncate(log, sequence);
    }
    expect(await seenUpTo(seen, 20)).toEqual(range(20).map((index) => `${index + 1}:${index}`));
  });

  test("appends of two views racing with the follow are seen exactly once, in order", async () => {
    const { engine, log } = await withLog();
    const other = await open();
    const third = await open();
    const count = 300;
    const appended = Promise.all(
      range(count).map((index) =>
        (index % 2 ? engine : other).messageLog.append(log, bytes(`${index}`)),
      ),
    );
    const followers = await Promise.all([engine, other, third].map((view) => follow(view, log, 1)));
    const sequences = await appended;
    const wanted: string[] = [];
    for (const [index, sequence] of sequences.entries())
      wanted[sequence - 1] = `${sequence}:${index}`;
    const mark = await engine.messageLog.append(log, bytes("mark"));
    wanted.push(`${mark}:mark`);
    for (const seen of followers) expect(await seenUpTo(seen, mark)).toEqual(wanted);
  });

  test("a nudge neither repeats nor skips, whatever it says", async () => {
    const { engine, log } = await withLog();
    const seen = collector<LogRecord>();
    const follower = await engine.messageLog.follow(log, 1, seen.add);
    for (const index of range(50)) {
      const sequence = await engine.messageLog.append(log, bytes(`${index}`));
      for (const hint of [sequence, 1, sequence + 100]) follower.nudge(hint);
    }
    await engine.messageLog.append(log, bytes("mark"));
    expect((await seenUpTo(seen, 51)).length).toBe(51);
    expect(seen.items.map((record) => record.sequence)).toEqual(range(51).map((i) => i + 1));
    await follower.close();
    follower.nudge(51);
  });

  test("nothing is handed over once the close is done, and others go on", async () => {
    const { engine, log } = await withLog();
    const closed = collector<LogRecord>();
    const follower = await engine.messageLog.follow(log, 1, closed.add);
    const other = await follow(engine, log, 1);
    await engine.messageLog.append(log, bytes("before"));
    await seenUpTo(closed, 1);
    await follower.close();
    await follower.close();
    for (const name of ["after", "mark"]) await engine.messageLog.append(log, bytes(name));
    expect(await seenUpTo(other, 3)).toEqual(["1:before", "2:after", "3:mark"]);
    expect(recordLines(closed.items)).toEqual(["1:before"]);
  });

  test("closing inside the handler ends there", async () => {
    const { engine, log } = await withLog();
    const seen = collector<LogRecord>();
    let close = async () => {};
    const follower = await engine.messageLog.follow(log, 1, (record) => {
      seen.add(record);
      if (record.sequence === 2) void close();
    });
    close = () => follower.close();
    const other = await follow(engine, log, 1);
    await Promise.all(range(6).map(() => engine.messageLog.append(log, bytes("x"))));
    await seenUpTo(other, 6);
    await seen.until("record 2", (items) => items.length >= 2);
    await engine.messageLog.append(log, bytes("mark"));
    await seenUpTo(other, 7);
    expect(recordLines(seen.items)).toEqual(["1:x", "2:x"]);
  });
}

async function follow(engine: Engine, log: string, from: number): Promise<Collector<LogRecord>> {
  const seen = collector<LogRecord>();
  await engine.messageLog.follow(log, from, seen.add);
  return seen;
}

async function seenUpTo(seen: Collector<LogRecord> | undefined, last: number): Promise<string[]> {
  if (!seen) throw new Error("no such follower");
  await seen.until(`record ${last}`, (items) => (items.at(-1)?.sequence ?? 0) >= last);
  return recordLines(seen.items);
}
