import { createSeededRandom, createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { AccountCheck, Inbound } from "../ports/channel.ts";
import type { KeyValue } from "../ports/key-value.ts";
import type { OpenedAccount } from "./account-registry.ts";
import { OwnedAccount } from "./owned-account.ts";

/** An account at its owner; `use` is how its platform is reached. */
function own(use: Partial<OpenedAccount["use"]>, requireSecrets = () => {}) {
  const clock = createVirtualClock();
  const reports: string[] = [];
  const opened = {
    account: { channel: "fake" },
    rates: { account: [], direct: [], group: [] },
    use,
    requireSecrets,
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
      report: ({ code }) => void reports.push(code),
    },
    async () => {},
  );
  return { clock, owned, reports };
}

async function receiveUntil(inbound: Inbound, signal: AbortSignal): Promise<void> {
  inbound.connected();
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

/** One whose platform refuses the credentials until `isRefused` is turned off. */
function ownRefused(check: () => AccountCheck) {
  const world = { isRefused: true, tries: 0 };
  const owning = own({
    check: async () => check(),
    async receive(inbound, signal) {
      world.tries += 1;
      if (world.isRefused) throw new HoldfastError("account_unauthorized", "revoked");
      await receiveUntil(inbound, signal);
    },
  });
  return { world, ...owning };
}

test("an account comes back when its credentials work, whatever else its check finds", async () => {
  const { world, clock, owned, reports } = ownRefused(() => ({
    ok: false,
    isAuthorized: !world.isRefused,
    findings: ["No webhook is registered: only the receiver does that."],
  }));
  await clock.advance(limits.accountCheckMs + 1);
  expect([owned.state.status, world.tries]).toEqual(["unauthorized", 1]);

  world.isRefused = false;
  await clock.advance(limits.accountCheckMs);
  expect([owned.state.status, world.tries]).toEqual(["connected", 2]);
  expect(reports).toEqual(["account_unauthorized"]);
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

test.each([
  ["that takes webhooks alone", undefined],
  ["that receives", receiveUntil],
])("an account %s is refused while a secret of it cannot be read", async (_, receive) => {
  let isThere = false;
  const check = async () => ({ ok: isThere, findings: [isThere ? "well" : "gone"] });
  const { clock, owned, reports } = own({ check, ...(receive && { receive }) }, () => {
    if (!isThere) throw new HoldfastError("account_unauthorized", "The secret is not set.");
  });
  await clock.advance(limits.accountCheckMs / 2);
  expect(owned.state).toMatchObject({ status: "unauthorized", detail: "The secret is not set." });
  expect(reports).toEqual(["account_unauthorized"]);

  isThere = true;
  await clock.advance(limits.accountCheckMs);
  expect(owned.state.status).toBe("connected");
  await owned.close();
});

test("an account that takes webhooks alone is refused when its check says so, and not when nobody answers", async () => {
  let found: AccountCheck = { ok: false, findings: ["No answer."] };
  const { clock, owned } = own({ check: async () => found });
  await clock.advance(1);
  expect(owned.state).toMatchObject({ status: "unavailable", detail: "No answer." });
  found = { ok: false, isAuthorized: false, findings: ["The token was revoked."] };
  await clock.advance(limits.accountCheckMs);
  expect(owned.state).toMatchObject({ status: "unauthorized", detail: "The token was revoked." });
  found = { ok: true, findings: [] };
  await clock.advance(limits.accountCheckMs);
  expect(owned.state.status).toBe("connected");
  await owned.close();
});
