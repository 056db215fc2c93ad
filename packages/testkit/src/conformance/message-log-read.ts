import { type LogRecord } from "@holdfast/core";
import { expect, test } from "vitest";
import { bytes, collect, type MakeEngine, range, recordLines, views } from "./harness.ts";

export function messageLogReadTests(makeEngine: MakeEngine): void {
  const { open, withLog } = views(makeEngine);

  test("reading gives everything from a sequence on, and nothing of an empty log", async () => {
    const { engine, log } = await withLog();
    expect(await collect(engine.messageLog.read(log, 1))).toEqual([]);
    expect(await collect(engine.messageLog.read(log, 7))).toEqual([]);
    for (const name of ["a", "b", "c"]) await engine.messageLog.append(log, bytes(name));
    const read = async (from: number) =>
      recordLines(await collect(engine.messageLog.read(log, from)));
    expect(await read(0)).toEqual(["1:a", "2:b", "3:c"]);
    expect(await read(2)).toEqual(["2:b", "3:c"]);
    expect(await read(3)).toEqual(["3:c"]);
    expect(await read(4)).toEqual([]);
    expect(await read(1_000)).toEqual([]);
  });

  test("reading ends at the log's end as it was, however much is appended meanwhile", async () => {
    const { engine, log } = await withLog();
    for (const name of ["a", "b", "c"]) await engine.messageLog.append(log, bytes(name));
    const seen: LogRecord[] = [];
    for await (const record of engine.messageLog.read(log, 1)) {
      seen.push(record);
      await engine.messageLog.append(log, bytes("later"));
    }
    expect(recordLines(seen)).toEqual(["1:a", "2:b", "3:c"]);
    expect((await engine.messageLog.bounds(log)).last).toBe(6);
  });

  test("a reader may stop early, and two may read at once", async () => {
    const { engine, log } = await withLog();
    await Promise.all(range(500).map((index) => engine.messageLog.append(log, bytes(`${index}`))));
    for await (const record of engine.messageLog.read(log, 1)) if (record.sequence === 3) break;
    const [all, tail] = await Promise.all([
      collect(engine.messageLog.read(log, 1)),
      collect(engine.messageLog.read(log, 250)),
    ]);
    expect(all.map((record) => record.sequence)).toEqual(range(500).map((index) => index + 1));
    expect(tail.map((record) => record.sequence)).toEqual(range(251).map((index) => index + 250));
  });

  test("another view reads at once what was acknowledged", async () => {
    const { engine, log } = await withLog();
    const other = await open();
    for (const index of range(30)) {
      const sequence = await engine.messageLog.append(log, bytes(`${index}`));
      expect((await other.messageLog.bounds(log)).last).toBe(sequence);
      expect(recordLines(await collect(other.messageLog.read(log, sequence)))).toEqual([
        `${sequence}:${index}`,
      ]);
    }
  });
}

export function messageLogTruncateTests(makeEngine: MakeEngine): void {
  const { withLog } = views(makeEngine);

  test("truncating removes what is before, and reading there begins with what is left", async () => {
    const { engine, log } = await withLog();
    for (const name of ["a", "b", "c", "d"]) await engine.messageLog.append(log, bytes(name));
    const whole = await engine.messageLog.bounds(log);
    await engine.messageLog.truncate(log, 3);
    const left = await engine.messageLog.bounds(log);
    expect(left).toMatchObject({ first: 3, last: 4 });
    expect(left.bytes).toBeLessThan(whole.bytes);
    for (const from of [0, 1, 3])
      expect(recordLines(await collect(engine.messageLog.read(log, from)))).toEqual(["3:c", "4:d"]);
  });

  test("truncating again, before or at the first record changes nothing", async () => {
    const { engine, log } = await withLog();
    for (const name of ["a", "b", "c"]) await engine.messageLog.append(log, bytes(name));
    for (const before of [2, 2, 1, 0]) {
      await engine.messageLog.truncate(log, before);
      expect(await engine.messageLog.bounds(log)).toMatchObject({ first: 2, last: 3 });
    }
  });

  test("the last record always stays, and the sequence goes on behind it", async () => {
    const { engine, log } = await withLog();
    await engine.messageLog.truncate(log, 5);
    expect(await engine.messageLog.bounds(log)).toMatchObject({ first: 1, last: 0 });
    for (const name of ["a", "b", "c"]) await engine.messageLog.append(log, bytes(name));
    for (const before of [4, 1_000]) {
      await engine.messageLog.truncate(log, before);
      expect(recordLines(await collect(engine.messageLog.read(log, 1)))).toEqual(["3:c"]);
    }
    expect(await engine.messageLog.append(log, bytes("d"), { expectedLast: 3 })).toBe(4);
    expect(await engine.messageLog.bounds(log)).toMatchObject({ first: 3, last: 4 });
  });
}
