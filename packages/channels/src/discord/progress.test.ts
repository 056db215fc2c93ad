import { expect, test } from "vitest";
import { discordLimits } from "./limits.ts";
import { noteMessage, readProgress, writeProgress } from "./progress.ts";
import { snowflakeAt, snowflakeOrder, snowflakeTime } from "./snowflake.ts";

const startMs = Date.UTC(2026, 0, 1);

function idAt(index: number): string {
  return snowflakeAt(startMs + index);
}

test("a cursor comes back as it was written, and stays within its limit", () => {
  const progress = readProgress(undefined);
  progress.session = { id: "s".repeat(64), url: "wss://example.org", self: idAt(0), seq: 12 };
  for (let index = 0; index < 2_000; index += 1) {
    noteMessage(progress, { id: idAt(index), channel: idAt(index), direct: index % 2 === 0 });
  }
  const cursor = writeProgress(progress);
  expect(cursor.length).toBeLessThanOrEqual(discordLimits.cursorChars);
  const again = readProgress(cursor);
  expect(again).toEqual(progress);
  expect(again.channels.size).toBe(discordLimits.cursorChannels);
});

test("what was done in a forgotten chat is not fetched again", () => {
  const progress = readProgress(undefined);
  for (let index = 0; index <= discordLimits.cursorChannels; index += 1) {
    noteMessage(progress, { id: idAt(index), channel: idAt(index), direct: false });
  }
  expect(progress.floor).toBe(idAt(0));
});

test("the last message of a chat never goes back", () => {
  const progress = readProgress(undefined);
  for (const index of [5, 3, 4]) {
    noteMessage(progress, { id: idAt(index), channel: idAt(0), direct: true });
  }
  expect(progress.newest).toBe(idAt(5));
  expect(progress.channels.get(idAt(0))?.id).toBe(idAt(5));
});

test("a cursor that cannot be read counts as none", () => {
  for (const cursor of [
    "",
    "nonsense",
    "{}",
    '{"version":2}',
    '{"version":1,"channels":[["a"]]}',
  ]) {
    expect(readProgress(cursor)).toEqual(readProgress(undefined));
  }
});

test("ids tell their time and their order without losing it in a number", () => {
  const id = snowflakeAt(startMs);
  expect(snowflakeTime(id)).toBe(startMs);
  const next = (BigInt(id) + 1n).toString();
  expect(snowflakeOrder(next)).toBe(snowflakeOrder(id) + 1);
  expect(snowflakeOrder(snowflakeAt(startMs + 1))).toBeGreaterThan(snowflakeOrder(next));
  expect(Number.isSafeInteger(snowflakeOrder("9223372036854775807"))).toBe(true);
});
