import { limits } from "@holdfast/core";
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
  recordLines,
  sameBytes,
  suiteTimeoutMs,
  uniqueName,
  views,
  winners,
} from "./harness.ts";
import { messageLogFollowTests } from "./message-log-follow.ts";
import { messageLogModelTest } from "./message-log-model.ts";
import { messageLogReadTests, messageLogTruncateTests } from "./message-log-read.ts";

/** Defines the tests that every MessageLog adapter must pass. */
export function messageLogConformance(
  name: string,
  makeEngine: MakeEngine,
  options: ConformanceOptions = {},
): void {
  describe(`${name}: message log`, { timeout: suiteTimeoutMs }, () => {
    appendTests(makeEngine);
    payloadTests(makeEngine);
    messageLogReadTests(makeEngine);
    messageLogTruncateTests(makeEngine);
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
    expect(recordLines(records)).toEqual(range(20).map((index) => `${index + 1}:${index}`));
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
    expect(recordLines(records)).toEqual(
      wanted.map(({ sequence, index }) => `${sequence}:${index}`),
    );
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
    expect(recordLines(await collect(engine.messageLog.read(log, 1)))).toEqual(["1:a", "2:b"]);
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
    expect(recordLines(await collect(engine.messageLog.read(second, 1)))).toEqual(["1:b"]);
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
    expect(recordLines(await collect(engine.messageLog.read(log, 1)))).toEqual(["1:inside"]);
  });

  test("what is done to the bytes after the append does not reach the log", async () => {
    const { engine, log } = await withLog();
    const data = bytes("before");
    await engine.messageLog.append(log, data);
    data.fill(0);
    for (const record of await collect(engine.messageLog.read(log, 1))) record.data.fill(0);
    expect(recordLines(await collect(engine.messageLog.read(log, 1)))).toEqual(["1:before"]);
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
