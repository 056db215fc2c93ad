import { expect, test } from "vitest";
import { createNodeClock } from "./node-clock.ts";
import { createVirtualClock } from "./virtual-clock.ts";

test("a paused clock holds back what becomes due, and its monotonic time goes on", async () => {
  const { base, clock, seen } = world();
  clock.pause();
  await base.advance(100);
  expect(seen).toEqual([]);
  expect(clock.monotonic()).toBe(100);
  clock.resume("as-due");
  await base.advance(0);
  expect(seen).toEqual(["soon", "timer"]);
});

test("timers may come before what arrived, as they do after a process was stopped", async () => {
  const { base, clock, seen } = world();
  clock.pause();
  await base.advance(100);
  clock.resume("timers-first");
  await base.advance(0);
  expect(seen).toEqual(["timer", "soon"]);
});

test("what is cancelled while it is held back never runs", async () => {
  const { base, clock, seen, cancel } = world();
  clock.pause();
  await base.advance(100);
  cancel();
  clock.resume("as-due");
  await base.advance(0);
  expect(seen).toEqual(["soon"]);
});

test("a stopped clock runs nothing any more; a jump moves the wall time alone", async () => {
  const { base, clock, seen } = world();
  clock.jump(-1_000);
  expect([clock.now(), clock.monotonic()]).toEqual([base.now() - 1_000, 0]);
  clock.stop();
  clock.soon(() => seen.push("late"));
  await base.advance(100);
  expect(seen).toEqual([]);
});

function world() {
  const base = createVirtualClock();
  const clock = createNodeClock(base);
  const seen: string[] = [];
  clock.soon(() => seen.push("soon"));
  const cancel = clock.schedule(10, () => seen.push("timer"));
  return { base, clock, seen, cancel };
}
