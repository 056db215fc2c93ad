import { type LogRecord, limits } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import {
  bytes,
  type ConformanceOptions,
  collect,
  everyByte,
  expectCode,
  type MakeEngine,
  patterned,
  range,
  sameBytes,
  suiteTimeoutMs,
  text,
  uniqueName,
  views,
  winners,
} from "./harness.ts";
import { messageLogFollowTests } from "./message-log-follow.ts";
import { messageLogModelTest } from "./message-log-model.ts";

/** Defines the tests that every MessageLog adapter must pass. */
export function messageLogConformance(
  name: string,
  makeEngine: MakeEngine,
  options: ConformanceOptions = {},
): void {
  describe(`${name}: message log`, { timeout: suiteTimeoutMs }, () => {
    appendTests(makeEngine);
    payloadTests(makeEngine);
    readTests(makeEngine);
    truncateTests(makeEngine);
    messageLogFollowTests(makeEngine);
    messageLogModelTest(makeEngine, options.propertyRuns ?? 30);
  });
}

function appendTests(makeEngine: MakeEngine): void {
  const { open, withLog } = views(makeEngine);

  test("a new log is empty", async () => {
    const { engine, log } = await withLog();
    expect(await engine.messageLog.bounds(log)).toEqual({ first: 1, last: 0, bytes: 0 });
  });

  test("sequences rise by one from 1, in the order of the appends", async () => {
    const { engine, log } = await withLog();
    for (const index of range(20))
      expect(await engine.messageLog.append(log, bytes(`${index}`))).toBe(index + 1);
    const records = await collect(engine.messageLog.read(log, 1));
    expect(summary(records)).toEqual(range(20).map((index) => `${index + 1}:${index}`));
    expect(await engine.messageLog.bounds(log)).toMatchObject({ first: 1, last: 20 });
  });

  test("200 concurrent appends of two views get 200 sequences without gap", async () => {
    const { engine, log } = await withLog();
    const logs = [engine.messageLog, (await open()).messageLog] as const;
    const sequences = await Promise.all(
      range(200).map((index) => (index % 2 ? logs[0] : logs[1]).append(log, bytes(`${index}`))),
    );
    expect(sequences.toSorted((a, b) => a - b)).toEqual(range(200).map((index) => index + 1));
    const records = await collect(engine.messageLog.read(log, 1));
    const wanted = sequences.map((sequence, index) => ({ sequence, index }));
    wanted.sort((a, b) => a.sequence - b.sequence);
    expect(summary(records)).toEqual(wanted.map(({ sequence, index }) => `${sequence}:${index}`));
  });

  test("an append with the right expected last sequence is stored", async () => {
    const { engine, log } = await withLog();
    for (const last of [0, 1, 2])
      expect(await engine.messageLog.append(log, bytes("x"), { expectedLast: last })).toBe(
        last + 1,
      );
  });

  test("an append with a wrong expected last sequence is refused and not stored", async () => {
    const { engine, log } = await withLog();
    await expectCode(append(1), "wrong_last_sequence");
    await engine.messageLog.append(log, bytes("a"));
    await engine.messageLog.append(log, bytes("b"));
    for (const wrong of [0, 1, 3, 1_000]) await expectCode(append(wrong), "wrong_last_sequence");
    expect(summary(await collect(engine.messageLog.read(log, 1)))).toEqual(["1:a", "2:b"]);
    expect(await append(2)).toBe(3);

    function append(expectedLast: number) {
      return engine.messageLog.append(log, bytes("fenced"), { expectedLast });
    }
  });

  test("of 50 concurrent appends with the same expected sequence exactly one wins", async () => {
    const { engine, log } = await withLog();
    const other = await open();
    await engine.messageLog.append(log, bytes("first"));
    for (const expectedLast of [1, 2, 3]) {
      const results = await Promise.allSettled(
        range(50).map((index) =>
          (index % 2 ? engine : other).messageLog.append(log, bytes(`${index}`), { expectedLast }),
        ),
      );
      expect(winners(results, "wrong_last_sequence")).toBe(1);
      expect((await other.messageLog.bounds(log)).last).toBe(expectedLast + 1);
    }
  });

  test("logs do not share sequences or records", async () => {
    const { engine, log } = await withLog();
    const second = (await withLog()).log;
    await engine.messageLog.append(log, bytes("a"));
    await engine.messageLog.append(second, bytes("b"), { expectedLast: 0 });
    expect(summary(await collect(engine.messageLog.read(second, 1)))).toEqual(["1:b"]);
  });

  test("a log that was not provisioned is unavailable, an impossible name is refused", async () => {
    const { messageLog } = await open();
    const absent = uniqueName("absent");
    await expectCode(messageLog.append(absent, bytes("x")), "engine_unavailable");
    await expectCode(collect(messageLog.read(absent, 1)), "engine_unavailable");
    await expectCode(messageLog.bounds(absent), "engine_unavailable");
    await expectCode(
      messageLog.follow(absent, 1, () => {}),
      "engine_unavailable",
    );
    for (const name of ["", "a.b", "a b", "a*", ">", "a/b"])
      await expectCode(messageLog.append(name, bytes("x")), "invalid_request");
  });
}

function payloadTests(makeEngine: MakeEngine): void {
  const { open, withLog } = views(makeEngine);

  test("every byte value and the empty payload come back as they went in", async () => {
    const { engine, log } = await withLog();
    const payloads = [
      everyByte(),
      new Uint8Array(0),
      Uint8Array.of(0),
      Uint8Array.of(13, 10, 13, 10),
    ];
    for (const payload of payloads) await engine.messageLog.append(log, payload);
    const records = await collect((await open()).messageLog.read(log, 1));
    expect(records.map((record) => [...record.data])).toEqual(payloads.map((data) => [...data]));
  });

  test("a part of a larger buffer is stored as that part", async () => {
    const { engine, log } = await withLog();
    await engine.messageLog.append(log, bytes("outside inside outside").subarray(8, 14));
    expect(summary(await collect(engine.messageLog.read(log, 1)))).toEqual(["1:inside"]);
  });

  test("what is done to the bytes after the append does not reach the log", async () => {
    const { engine, log } = await withLog();
    const data = bytes("before");
    await engine.messageLog.append(log, data);
    data.fill(0);
    for (const record of await collect(engine.messageLog.read(log, 1))) record.data.fill(0);
    expect(summary(await collect(engine.messageLog.read(log, 1)))).toEqual(["1:before"]);
  });

  test("a payload at the limit is stored, one byte more is refused and not stored", async () => {
    const { engine, log } = await withLog();
    const largest = patterned(limits.enginePayloadBytes);
    await engine.messageLog.append(log, largest, { expectedLast: 0 });
    await expectCode(
      engine.messageLog.append(log, new Uint8Array(limits.enginePayloadBytes + 1)),
      "payload_too_large",
    );
    const records = await collect(engine.messageLog.read(log, 1));
    expect(records.length).toBe(1);
    expect(sameBytes(records[0]?.data, largest)).toBe(true);
  });
}

function readTests(makeEngine: MakeEngine): void {
  const { open, withLog } = views(makeEngine);

  test("reading gives everything from a sequence on, and nothing of an empty log", async () => {
    const { engine, log } = await withLog();
    expect(await collect(engine.messageLog.read(log, 1))).toEqual([]);
    expect(await collect(engine.messageLog.read(log, 7))).toEqual([]);
    for (const name of ["a", "b", "c"]) await engine.messageLog.append(log, bytes(name));
    const read = async (from: number) => summary(await collect(engine.messageLog.read(log, from)));
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
    expect(summary(seen)).toEqual(["1:a", "2:b", "3:c"]);
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
      expect(summary(await collect(other.messageLog.read(log, sequence)))).toEqual([
        `${sequence}:${index}`,
      ]);
    }
  });
}

function truncateTests(makeEngine: MakeEngine): void {
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
      expect(summary(await collect(engine.messageLog.read(log, from)))).toEqual(["3:c", "4:d"]);
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
      expect(summary(await collect(engine.messageLog.read(log, 1)))).toEqual(["3:c"]);
    }
    expect(await engine.messageLog.append(log, bytes("d"), { expectedLast: 3 })).toBe(4);
    expect(await engine.messageLog.bounds(log)).toMatchObject({ first: 3, last: 4 });
  });
}

function summary(records: readonly LogRecord[]): string[] {
  return records.map((record) => `${record.sequence}:${text(record.data)}`);
}
