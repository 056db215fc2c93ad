import { HoldfastError, limits } from "@holdfast/core";
import { createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { patience } from "./patience.ts";

const away = () => new HoldfastError("engine_unavailable", "no leader");

function world(check: () => Promise<void> = async () => undefined) {
  const clock = createVirtualClock();
  const stopping = new AbortController();
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const patiently = patience({ clock, say, signal: stopping.signal, check });
  return { clock, stopping, said, patiently };
}

test("a step is repeated for as long as the engine is away, and that is said once", async () => {
  const { clock, said, patiently } = world();
  let isBack = false;
  const step = patiently(async () => {
    if (!isBack) throw away();
    return "done";
  });
  await clock.advance(60 * 60_000);
  isBack = true;
  await clock.advance(limits.engineStartPauseMs);
  expect(await step).toBe("done");
  expect(said).toEqual(["waiting for the engine: no leader"]);
});

test("what no waiting mends is thrown at once", async () => {
  const { patiently } = world();
  const wrong = new HoldfastError("invalid_configuration", "wrong");
  await expect(patiently(() => Promise.reject(wrong))).rejects.toBe(wrong);
});

test("the signal ends it between two tries, and in a try that takes its time", async () => {
  for (const step of [() => Promise.reject(away()), () => new Promise(() => undefined)]) {
    const { clock, stopping, patiently } = world();
    const outcome = patiently(step).catch((thrown: unknown) => thrown);
    await clock.advance(1_000);
    stopping.abort();
    expect(await outcome).toBe(stopping.signal.reason);
    await expect(patiently(step)).rejects.toBe(stopping.signal.reason);
  }
});

test.each([
  ["many tries", () => Promise.reject(away())],
  ["one long try", () => new Promise(() => undefined)],
])("through %s it is asked whether to wait, one question at once", async (_, step) => {
  const answers: PromiseWithResolvers<void>[] = [];
  const { clock, said, patiently } = world(() => {
    const answer = Promise.withResolvers<void>();
    answers.push(answer);
    return answer.promise;
  });
  const outcome = patiently(step).catch((thrown: unknown) => thrown);
  await clock.advance(3 * limits.membershipCheckMs);
  expect(answers).toHaveLength(1);
  answers[0]?.resolve();
  await clock.advance(limits.membershipCheckMs);
  expect(answers).toHaveLength(2);
  expect(said).toHaveLength(1);
  const removed = new HoldfastError("node_removed", "removed");
  answers[1]?.reject(removed);
  await clock.advance(limits.engineStartPauseMs);
  expect(await outcome).toBe(removed);
});
