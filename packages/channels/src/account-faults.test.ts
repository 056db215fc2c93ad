import type { Account } from "@holdfast/core";
import { expect, test } from "vitest";
import { accountFaults } from "./account-faults.ts";

const secret = { fromEnv: "SECRET" };

/** Every setting that is the address of a server, with what its channel needs beside it. */
const addresses: readonly [channel: string, setting: string, scheme: string, rest: object][] = [
  ["telegram", "apiUrl", "https", { token: secret }],
  ["slack", "apiUrl", "https", { mode: "http", botToken: secret, signingSecret: secret }],
  ["discord", "apiUrl", "https", { token: secret }],
  ["discord", "gatewayUrl", "wss", { token: secret }],
  ["signal", "url", "https", { account: "+491510000000" }],
  [
    "whatsapp",
    "apiUrl",
    "https",
    { phoneNumberId: "1", accessToken: secret, appSecret: secret, verifyToken: secret },
  ],
];

test.each(addresses)("%s: %s holds no secret", (channel, setting, scheme, rest) => {
  const faultsOf = (url: string) => {
    const settings = { ...rest, [setting]: url };
    const account = { kind: "Account", organization: "acme", name: "bot", channel, settings };
    return accountFaults(account as Account).map(({ path }) => path);
  };
  expect(faultsOf(`${scheme}://example.org/base`)).toEqual([]);
  const usual = `${scheme}://example.org/?v=10&encoding=json`;
  expect(faultsOf(usual)).toEqual(scheme === "wss" ? [] : [`settings.${setting}`]);
  for (const wrong of [
    `${scheme}://user:password@example.org`,
    `${scheme}://token@example.org`,
    `${scheme}://example.org/?token=x`,
    `${scheme}://example.org/#x`,
    "ftp://example.org",
    "nonsense",
  ]) {
    expect(faultsOf(wrong), wrong).toEqual([`settings.${setting}`]);
  }
});
