import {
  type FakePlatform,
  type FakePlatformOptions,
  type ReceiveMode,
  startFakeDiscord,
  startFakeEmail,
  startFakeSignal,
  startFakeSlack,
  startFakeTelegram,
  startFakeWeb,
  startFakeWhatsApp,
} from "../../packages/testkit/src/platforms/index.ts";

/** One way in which one channel is run. */
export interface Contestant {
  /** Also the name of its account. */
  readonly account: string;
  readonly channel: string;
  readonly mode: ReceiveMode;
  readonly start: (options: FakePlatformOptions) => Promise<FakePlatform>;
  /** The platform's rates, as its documentation has them. */
  readonly rates: { readonly [scope in "account" | "direct" | "group"]: readonly Rate[] };
}

interface Rate {
  readonly count: number;
  readonly perMs: number;
}

/** Windows of minutes are passed through in seconds: fakes and accounts divide them by the same number. */
const speed = 50;

const rates = {
  telegram: {
    account: [{ count: 30, perMs: 1_000 }],
    direct: [{ count: 1, perMs: 1_000 }],
    group: [{ count: 1, perMs: 1_000 }],
  },
  slack: {
    account: [{ count: 300, perMs: 60_000 }],
    direct: [{ count: 1, perMs: 1_000 }],
    group: [{ count: 1, perMs: 1_000 }],
  },
  discord: {
    account: [{ count: 50, perMs: 1_000 }],
    direct: [{ count: 5, perMs: 5_000 }],
    group: [{ count: 5, perMs: 5_000 }],
  },
  whatsapp: {
    account: [{ count: 80, perMs: 1_000 }],
    direct: [{ count: 45, perMs: 270_000 }],
    group: [],
  },
  email: { account: [{ count: 10, perMs: 1_000 }], direct: [], group: [] },
  web: { account: [], direct: [], group: [] },
  signal: { account: [], direct: [{ count: 60, perMs: 60_000 }], group: [] },
} as const;

export const contestants: readonly Contestant[] = [
  {
    account: "telegram",
    channel: "telegram",
    mode: "webhook",
    start: startFakeTelegram,
    rates: rates.telegram,
  },
  {
    account: "telegram-polling",
    channel: "telegram",
    mode: "socket",
    start: startFakeTelegram,
    rates: rates.telegram,
  },
  {
    account: "slack",
    channel: "slack",
    mode: "webhook",
    start: startFakeSlack,
    rates: rates.slack,
  },
  {
    account: "slack-socket",
    channel: "slack",
    mode: "socket",
    start: startFakeSlack,
    rates: rates.slack,
  },
  {
    account: "discord",
    channel: "discord",
    mode: "socket",
    start: startFakeDiscord,
    rates: rates.discord,
  },
  {
    account: "whatsapp",
    channel: "whatsapp",
    mode: "webhook",
    start: startFakeWhatsApp,
    rates: rates.whatsapp,
  },
  { account: "email", channel: "email", mode: "socket", start: startFakeEmail, rates: rates.email },
  {
    account: "signal",
    channel: "signal",
    mode: "socket",
    start: startFakeSignal,
    rates: rates.signal,
  },
  { account: "web", channel: "web", mode: "socket", start: startFakeWeb, rates: rates.web },
];

export function startFake(contestant: Contestant, seed: number): Promise<FakePlatform> {
  return contestant.start({ seed, speed });
}

export function accountResource({ account, channel, rates: own }: Contestant, settings: object) {
  const faster = (list: readonly Rate[]) =>
    list.map(({ count, perMs }) => ({ count, perMs: Math.ceil(perMs / speed) }));
  return {
    kind: "Account",
    organization: "acme",
    name: account,
    channel,
    settings,
    agent: "echo",
    access: { direct: "open", groups: "open", requireMention: false },
    rates: {
      account: faster(own.account),
      direct: faster(own.direct),
      group: faster(own.group),
    },
  };
}
