import { createSeededRandom, createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { z } from "zod";
import { HoldfastError } from "../errors.ts";
import type { AccountOptions, Channel } from "../ports/channel.ts";
import type { ResourceStore } from "../resource-store.ts";
import type { SecretRef } from "../resources.ts";
import { AccountRegistry, type OpenedAccount } from "./account-registry.ts";

const settings = {
  url: "https://example.org",
  token: { fromEnv: "TOKEN" },
  smtp: { password: { fromFile: "/run/password" } },
};

/** An account at a server that tells back whatever was sent to it. */
function openEchoing(secrets: Record<string, string>): OpenedAccount {
  const secret = (ref: SecretRef) => {
    const value = secrets["fromEnv" in ref ? ref.fromEnv : ref.fromFile];
    if (value !== undefined) return value;
    throw new HoldfastError("account_unauthorized", "A secret is not set.");
  };
  const channel = {
    kind: "fake",
    capabilities: { rates: { account: [], direct: [], group: [] } },
    settings: z.unknown(),
    open: (options: AccountOptions) => ({
      async check() {
        const token = options.secret({ fromEnv: "TOKEN" });
        const findings = [`Header: Bearer ${token}`, "All is well."];
        return { ok: true, identity: `${token} at ${options.name}`, findings };
      },
    }),
  } as unknown as Channel;
  const account = { kind: "Account", organization: "acme", name: "bot", channel: "fake", settings };
  const registry = new AccountRegistry({
    resources: { account: () => account, onChange: () => () => {} } as unknown as ResourceStore,
    channels: new Map([["fake", channel]]),
    secret,
    clock: createVirtualClock(),
    random: createSeededRandom(1),
    report: () => {},
  });
  const opened = registry.get("acme", "bot");
  if (!opened) throw new Error("The account is not there.");
  return opened;
}

test("an account whose settings this version does not take is not there, which is reported once", () => {
  const reports: HoldfastError[] = [];
  const account = { kind: "Account", organization: "acme", name: "bot", channel: "fake", settings };
  const channel = { kind: "fake", settings: z.strictObject({ url: z.string() }) };
  const registry = new AccountRegistry({
    // Another object each time, as of a store that reads it anew.
    resources: {
      account: () => ({ ...account }),
      onChange: () => () => {},
    } as unknown as ResourceStore,
    channels: new Map([["fake", channel as unknown as Channel]]),
    secret: () => "hush",
    clock: createVirtualClock(),
    random: createSeededRandom(1),
    report: (error) => reports.push(error),
  });
  for (let asked = 0; asked < 3; asked += 1) {
    expect(registry.get("acme", "bot")).toBeUndefined();
  }
  expect(reports.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^Account acme\/bot is not used: .* fake settings .*token/),
  ]);
});

test("what a check finds holds no secret, though the server tells it back", async () => {
  // One is part of the other, and one cannot be read.
  for (const more of [{ "/run/password": "hush" }, {}]) {
    const { use } = openEchoing({ TOKEN: "hush-hush", ...more });
    expect(await use.check(new AbortController().signal)).toEqual({
      ok: true,
      identity: "(secret) at bot",
      findings: ["Header: Bearer (secret)", "All is well."],
    });
  }
});

test("every secret of the settings is required, wherever it stands", () => {
  const all = { TOKEN: "a", "/run/password": "b" };
  expect(() => openEchoing(all).requireSecrets()).not.toThrow();
  for (const missing of Object.keys(all)) {
    const some = Object.entries(all).filter(([name]) => name !== missing);
    const opened = openEchoing(Object.fromEntries(some));
    expect(() => opened.requireSecrets()).toThrow(HoldfastError);
  }
});
