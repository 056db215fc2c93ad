/** The platforms that the webhooks come from, half of them from each. */
export type Platform = "slack" | "telegram";

/** One person's direct chat with one account. */
export interface Chat {
  readonly platform: Platform;
  readonly account: string;
  /** The number that its ids are made of. */
  readonly number: number;
}

export interface World {
  /** Of each platform. */
  readonly accounts: number;
  readonly chats: number;
}

export const organization = "channels";
const platforms = ["slack", "telegram"] as const;

/** What nodes and platform agree on; nothing outside a run knows them. */
export const secrets = {
  BENCH_SLACK_TOKEN: "xoxb-bench",
  BENCH_SLACK_SIGNING: "bench-signing-secret",
  BENCH_TELEGRAM_TOKEN: "1:bench",
  BENCH_TELEGRAM_SECRET: "bench-webhook-secret",
} as const;

/** Messages take the chats in turn, so neighbours come from different platforms and accounts. */
export function chatOf(message: number, { accounts, chats }: World): Chat {
  const number = message % chats;
  const platform = platforms[number % 2] ?? "slack";
  return { platform, account: `${platform}-${Math.floor(number / 2) % accounts}`, number };
}

/** The mark by which a message is recognised in the reply; every way of encoding leaves it as it is. */
export function markOf(message: number): string {
  return `q${message}z`;
}

export function messageIn(text: string): number | undefined {
  const found = /q(\d+)z/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Accounts that let everybody in, with rates that never bind, each with an agent of its own. */
export function resourcesOf({ accounts }: World, stubUrl: string): object[] {
  const names = platforms.flatMap((platform) =>
    Array.from({ length: accounts }, (_, number) => ({ platform, name: `${platform}-${number}` })),
  );
  const unbounded = [{ count: 1_000_000, perMs: 1_000 }];
  return [
    { kind: "Organization", name: organization },
    ...names.map(({ name }) => ({ kind: "Agent", organization, name, model: "demo/echo" })),
    ...names.map(({ platform, name }) => ({
      kind: "Account",
      organization,
      name,
      channel: platform,
      agent: name,
      settings: settingsOf(platform, stubUrl),
      access: { direct: "open" },
      rates: { account: unbounded, direct: unbounded, group: unbounded },
    })),
  ];
}

function settingsOf(platform: Platform, stubUrl: string): object {
  if (platform === "slack") {
    return {
      mode: "http",
      apiUrl: `${stubUrl}/slack/`,
      botToken: { fromEnv: "BENCH_SLACK_TOKEN" },
      signingSecret: { fromEnv: "BENCH_SLACK_SIGNING" },
    };
  }
  return {
    apiUrl: stubUrl,
    token: { fromEnv: "BENCH_TELEGRAM_TOKEN" },
    webhook: { secret: { fromEnv: "BENCH_TELEGRAM_SECRET" } },
  };
}
