import {
  type FakeDiscord,
  type FakePlatform,
  startFakeDiscord,
  startFakeEmail,
  startFakeSignal,
  startFakeSlack,
  startFakeTelegram,
  startFakeWhatsApp,
} from "../../packages/testkit/src/platforms/index.ts";
import { speed } from "./one-node.ts";

const starters = {
  telegram: startFakeTelegram,
  slack: startFakeSlack,
  discord: startFakeDiscord,
  whatsapp: startFakeWhatsApp,
  email: startFakeEmail,
  signal: startFakeSignal,
} as const;

export type Kind = keyof typeof starters;
export const kinds = Object.keys(starters) as Kind[];

export function startFakeOf<K extends Kind>(
  kind: K,
  options: { readonly seed?: number } = {},
): ReturnType<(typeof starters)[K]> {
  return starters[kind]({ speed, ...options }) as ReturnType<(typeof starters)[K]>;
}

/** How the fake's account is received here: by webhooks where there are any, Discord in both ways. */
export function accountWith(fake: FakePlatform): ReturnType<FakePlatform["account"]> {
  const isSocket = fake.kind === "email" || fake.kind === "signal";
  const account = fake.account(isSocket ? "socket" : "webhook");
  if (fake.kind !== "discord") return account;
  // From here on people's messages come through the gateway.
  fake.account("socket");
  return { ...account, settings: { ...account.settings, gateway: true } };
}

/** One fake of each kind; `env` holds their secrets, which are those of every other such fake, too. */
export class EveryFake {
  readonly env: Readonly<Record<string, string>>;
  readonly #fakes: ReadonlyMap<Kind, FakePlatform>;

  private constructor(fakes: ReadonlyMap<Kind, FakePlatform>) {
    this.#fakes = fakes;
    this.env = Object.assign({}, ...[...fakes.values()].map((fake) => accountWith(fake).env));
  }

  static async start(): Promise<EveryFake> {
    const started = kinds.map(async (kind) => [kind, await startFakeOf(kind)] as const);
    return new EveryFake(new Map(await Promise.all(started)));
  }

  of(kind: Kind): FakePlatform {
    const fake = this.#fakes.get(kind);
    if (!fake) throw new Error(`no fake of ${kind}`);
    return fake;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#fakes.values()].map((fake) => fake.close()));
  }
}

/** The name of a person's direct chat, as each platform writes them. */
export function directChat(kind: Kind, number = 0): string {
  switch (kind) {
    case "telegram":
      return String(4_711 + number);
    case "slack":
      return `D04711${number}`;
    case "whatsapp":
      return `4930471${number}`;
    case "signal":
      return `+493047110${number}`;
    case "email":
      return `person${number}@people.example.org`;
    default:
      return `person${number}`;
  }
}

/** The platform's id of a chat that was written in. */
export function chatIdOf(fake: FakePlatform, chat: string): string {
  return fake.kind === "discord" ? (fake as FakeDiscord).ids.channel(chat) : chat;
}
