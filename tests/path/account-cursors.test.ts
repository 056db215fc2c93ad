import { type KeyValue, storagePlan } from "@holdfast/core";
import { createMemoryEngine, createMemoryStore } from "@holdfast/engine";
import { createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { AccountCursor } from "../../packages/core/src/channels/account-cursors.ts";

async function open() {
  const clock = createVirtualClock();
  const engine = createMemoryEngine(createMemoryStore(), { clock });
  const { keyValue } = engine;
  await clock.runUntil(engine.provision(storagePlan(1)));
  const take = (epoch: number, through: KeyValue = keyValue) =>
    AccountCursor.take(through, "acme/bot", epoch, "fake");
  return { clock, keyValue, take };
}

test("an owner takes over what the last one saved while it was taking over", async () => {
  const { clock, keyValue, take } = await open();
  const first = await clock.runUntil(take(1));
  await clock.runUntil(first.save("one"));
  let late: Promise<void> | undefined;
  const second = await clock.runUntil(
    take(2, {
      get: (...words) => keyValue.get(...words),
      async update(...words) {
        late ??= first.save("two");
        await late;
        return await keyValue.update(...words);
      },
    } as KeyValue),
  );
  expect(second.value).toBe("two");
  expect((await clock.runUntil(take(3))).value).toBe("two");
});

test("saving what is saved already shows that the account has another owner", async () => {
  const { clock, take } = await open();
  const first = await clock.runUntil(take(1));
  await clock.runUntil(first.save("one"));
  await clock.runUntil(take(2));
  await expect(clock.runUntil(first.save("one"))).rejects.toMatchObject({
    code: "ownership_lost",
  });
});
