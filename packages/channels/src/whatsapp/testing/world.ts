import type { ChannelAccount, InboundMessageEvent, PieceSend } from "@holdfast/core";
import {
  type FakeWhatsApp,
  type FakeWhatsAppOptions,
  startFakeWhatsApp,
} from "@holdfast/testkit/platforms";
import { afterEach } from "vitest";
import { accountOptions, type TestOptions } from "../../http/testing/account-options.ts";
import { type Receiver, startReceiver } from "../../http/testing/receiver.ts";
import { whatsapp } from "../index.ts";
import type { WhatsAppSettings } from "../settings.ts";

export const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

export const never = new AbortController().signal;
export const ada = "491510000001";
export const ben = "491510000002";

export interface World {
  readonly fake: FakeWhatsApp;
  readonly options: TestOptions<WhatsAppSettings>;
  readonly account: ChannelAccount;
  readonly receivers: readonly Receiver[];
}

export async function start(
  fakeOptions: FakeWhatsAppOptions = {},
  changed: object = {},
): Promise<World> {
  const fake = await startFakeWhatsApp({ speed: 20, ...fakeOptions });
  closers.push(() => fake.close());
  const { settings, env } = fake.account("webhook");
  const options = accountOptions(whatsapp.settings.parse({ ...settings, ...changed }), env);
  const account = whatsapp.open(options);
  closers.push(async () => account.close?.());
  const receivers = [await startReceiver(account), await startReceiver(account)];
  for (const receiver of receivers) closers.push(() => receiver.close());
  fake.deliverTo(receivers.map((receiver) => receiver.url));
  return { fake, options, account, receivers };
}

export const eventsOf = (world: World) => world.receivers.flatMap((receiver) => receiver.events);
export const messagesOf = (world: World) =>
  eventsOf(world).filter((event): event is InboundMessageEvent => event.type === "message");

export function pieceTo(chat: string, text: string, more: Partial<PieceSend> = {}): PieceSend {
  const chatAddress = { kind: "direct", id: chat } as const;
  return { piece: { body: { text }, text }, chat: chatAddress, key: "key-1", ...more };
}
