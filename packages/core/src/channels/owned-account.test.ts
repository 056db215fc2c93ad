import { createSeededRandom, createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { AccountCheck, Inbound } from "../ports/channel.ts";
import type { KeyValue } from "../ports/key-value.ts";
import type { OpenedAccount } from "./account-registry.ts";
import { OwnedAccount } from "./owned-account.ts";

/** An account whose platform refuses the credentials until `isRefused` is turned off. */
function ownRefused(check: () => AccountCheck) {
  const clock = createVirtualClock();
  const world = { isRefused: true, tries: 0, reports: [] as string[] };
  const use = {
    check: async () => check(),
    async receive(inbound: Inbound, signal: AbortSignal) {
      world.tries += 1;
      if (world.isRefused) throw new HoldfastError("account_unauthorized", "revoked");
      inbound.connected();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  };
  const opened = {
    account: { channel: "fake" },
    rates: { account: [], direct: [], group: [] },
    use,
  } as unknown as OpenedAccount;
  const owned = new OwnedAccount(
    {
      key: "acme/bot",
      epoch: 1,
      opened: () => opened,
      keyValue: { get: async () => undefined, update: async () => 1 } as unknown as KeyValue,
      clock,
      random: createSeededRandom(1),
      accept: async () => {},
      stillAlive: () => undefined,
      onChange: () => {},
      report: ({ code }) => void world.reports.push(code),
    },
    async () => {},
  );
  return { world, clock, owned };
}

test("an account comes back when its credentials work, whatever else its check finds", async () => {
  const { world, clock, owned } = ownRefused(() => ({
    ok: false,
    isAuthorized: !world.isRefused,
    findings: ["No webhook is registered: only the receiver does that."],
  }));
  await clock.advance(limits.accountCheckMs + 1);
  expect([owned.state.status, world.tries]).toEqual(["unauthorized", 1]);

  world.isRefused = false;
  await clock.advance(limits.accountCheckMs);
  expect([owned.state.status, world.tries]).toEqual(["connected", 2]);
  expect(world.reports).toEqual(["account_unauthorized"]);
  await owned.close();
});

test("an account whose check only says that it does not work stays refused", async () => {
  const { world, clock, owned } = ownRefused(() => ({ ok: false, findings: ["No answer."] }));
  await clock.advance(5 * limits.accountCheckMs);
  expect([owned.state.status, world.tries]).toEqual(["unauthorized", 1]);
  await owned.close();
});

test("an account that is refused although its check is well is tried no more than once a pause", async () => {
  const { world, clock, owned } = ownRefused(() => ({ ok: true, findings: [] }));
  await clock.advance(5 * limits.accountCheckMs + 1);
  expect([owned.state.status, world.tries]).toEqual(["unauthorized", 6]);
  await owned.close();
});
