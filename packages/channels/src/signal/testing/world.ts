import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { ChannelAccount, PieceSend } from "@holdfast/core";
import {
  type FakeSignal,
  type FakeSignalOptions,
  startFakeSignal,
} from "@holdfast/testkit/platforms";
import { afterEach } from "vitest";
import { accountOptions, type TestOptions } from "../../http/testing/account-options.ts";
import { signal } from "../index.ts";
import type { SignalSettings } from "../settings.ts";
import { Inbox, startReceiving } from "./inbox.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

export const never = new AbortController().signal;
export const ada = "11111111-1111-4111-8111-111111111111";
export const ben = "22222222-2222-4222-8222-222222222222";

export interface World {
  readonly fake: FakeSignal;
  readonly options: TestOptions<SignalSettings>;
  readonly account: ChannelAccount;
  readonly inbox: Inbox;
  readonly receiving: () => ReturnType<typeof startReceiving>;
}

export async function start(
  fakeOptions: FakeSignalOptions = {},
  changed: object = {},
): Promise<World> {
  const fake = await startFakeSignal({ speed: 20, ...fakeOptions });
  closers.push(() => fake.close());
  const { settings, env } = fake.account("socket");
  const options = accountOptions(signal.settings.parse({ ...settings, ...changed }), env, 50);
  const account = signal.open(options);
  closers.push(async () => account.close?.());
  const inbox = new Inbox();
  const receiving = () => {
    const run = startReceiving(account, inbox);
    closers.push(() => run.stop());
    return run;
  };
  return { fake, options, account, inbox, receiving };
}

export function pieceTo(chat: string, text: string, more: Partial<PieceSend> = {}): PieceSend {
  const piece = { body: { text, styles: [] }, text };
  return { piece, chat: { kind: "direct", id: chat }, key: "key-1", ...more };
}

export async function serve(listen: RequestListener): Promise<string> {
  const server = createServer(listen);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
