import { delay } from "@holdfast/core";
import { expect, test } from "vitest";
import { createSeededRandom } from "./seeded-random.ts";
import { createVirtualClock } from "./virtual-clock.ts";

test("soon comes before timers; timers run by due time, then by creation", async () => {
  const clock = createVirtualClock();
  const seen: string[] = [];
  const at = (ms: number, name: string) => clock.schedule(ms, () => seen.push(name));
  at(20, "late");
  at(10, "first of two");
  at(10, "second of two");
  at(0, "now");
  clock.soon(() => seen.push("soon"));
  await clock.runToIdle();
  expect(seen).toEqual(["soon", "now", "first of two", "second of two", "late"]);
  expect(clock.monotonic()).toBe(20);
});

test("many timers in random order run by due time, cancelled ones never", async () => {
  const clock = createVirtualClock();
  const random = createSeededRandom(7);
  const seen: number[] = [];
  const wanted: number[] = [];
  for (let index = 0; index < 500; index += 1) {
    const dueMs = Math.floor(random.next() * 100);
    const cancel = clock.schedule(dueMs, () => seen.push(clock.monotonic()));
    if (random.next() < 0.3) cancel();
    else wanted.push(dueMs);
  }
  await clock.runToIdle();
  expect(seen).toEqual(wanted.sort((a, b) => a - b));
});

test("promise reactions run between two events, however long their chain", async () => {
  const clock = createVirtualClock();
  const seen: string[] = [];
  clock.schedule(1, () => {
    void chain(100).then(() => seen.push("chain"));
  });
  clock.schedule(1, () => seen.push("second"));
  await clock.advance(1);
  expect(seen).toEqual(["chain", "second"]);
});

test("advance stops at its moment and moves both times", async () => {
  const clock = createVirtualClock(1_000);
  let fired = 0;
  clock.schedule(10, () => (fired += 1));
  clock.schedule(11, () => (fired += 1));
  await clock.advance(10);
  expect([fired, clock.now(), clock.monotonic()]).toEqual([1, 1_010, 10]);
});

test("runUntil gives a promise's value, throws its error, and fails when it cannot come", async () => {
  const clock = createVirtualClock();
  expect(await clock.runUntil(delay(clock, 60_000).then(() => "done"))).toBe("done");
  await expect(clock.runUntil(Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  await expect(clock.runUntil(new Promise(() => {}))).rejects.toThrow("nothing is left to run");
  await expect(clock.runUntil(() => false)).rejects.toThrow("nothing is left to run");
});

test("a second driver is refused", async () => {
  const clock = createVirtualClock();
  const first = clock.runUntil(delay(clock, 10));
  await expect(clock.advance(1)).rejects.toThrow("one driver");
  await first;
});

test("an interval that never ends is told", async () => {
  const clock = createVirtualClock();
  const again = () => void clock.schedule(24 * 3_600_000, again);
  again();
  await expect(clock.runToIdle()).rejects.toThrow("falls idle");
});

test("a seed repeats its numbers; they are uniform, and another seed gives others", () => {
  const draw = (seed: number) => {
    const random = createSeededRandom(seed);
    return Array.from({ length: 10_000 }, () => random.next());
  };
  const numbers = draw(1);
  expect(draw(1)).toEqual(numbers);
  expect(draw(2).slice(0, 5)).not.toEqual(numbers.slice(0, 5));
  for (let bucket = 0; bucket < 10; bucket += 1) {
    const count = numbers.filter((number) => Math.floor(number * 10) === bucket).length;
    expect(count).toBeGreaterThan(900);
    expect(count).toBeLessThan(1_100);
  }
  expect(createSeededRandom(3).token(40)).toMatch(/^[0-9a-z]{40}$/);
});

async function chain(length: number): Promise<void> {
  for (let index = 0; index < length; index += 1) await Promise.resolve();
}
