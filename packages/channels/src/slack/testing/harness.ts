import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type AccountOptions,
  type ChannelAccount,
  type Clock,
  HoldfastError,
  type InboundEvent,
  type InboundMessageEvent,
  type PieceSend,
  toHoldfastError,
  type WebhookRequest,
} from "@holdfast/core";
import { createSeededRandom } from "@holdfast/testkit";
import type { FakeSlack } from "@holdfast/testkit/platforms";
import { slack } from "../index.ts";

type Mode = Parameters<FakeSlack["account"]>[0];

export interface OpenOptions {
  /** Divides every wait of the account. */
  readonly speed?: number;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface OpenedAccount {
  readonly account: ChannelAccount;
  readonly reports: HoldfastError[];
}

/** An account on the fake, its waits shortened. */
export function openAccount(fake: FakeSlack, mode: Mode, options: OpenOptions = {}): OpenedAccount {
  const { env, settings } = fake.account(mode);
  const secrets = { ...env, ...options.env };
  const reports: HoldfastError[] = [];
  const accountOptions: AccountOptions<ReturnType<typeof slack.settings.parse>> = {
    organization: "acme",
    name: "slack",
    settings: slack.settings.parse({ ...settings, ...options.settings }),
    secret(ref) {
      const value = "fromEnv" in ref ? secrets[ref.fromEnv] : undefined;
      if (value !== undefined) return value;
      throw new HoldfastError("account_unauthorized", "The variable is not set.");
    },
    clock: fastClock(options.speed ?? 1),
    random: createSeededRandom(7),
    report: (error) => void reports.push(error),
  };
  return { account: slack.open(accountOptions), reports };
}

/** Waits pass `speed` times as fast; the time of day is the real one. */
function fastClock(speed: number): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now() * speed,
    schedule(delayMs, run) {
      const timer = setTimeout(run, delayMs / speed).unref();
      return () => clearTimeout(timer);
    },
    soon: (run) => void setImmediate(run),
  };
}

/** Calls the account's webhook as a node does; `events` holds what was made durable, with its repeats. */
export async function startReceiver(account: ChannelAccount) {
  const events: InboundEvent[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { "content-type": type, ...rest } = request.headers;
      const headers = { ...rest, "content-type": type } as WebhookRequest["headers"];
      account
        .webhook?.(webhookRequest(headers, Buffer.concat(parts)))
        .then((answer) => {
          events.push(...answer.events);
          response.writeHead(answer.status, answer.headers).end(answer.body);
        })
        .catch((error: unknown) => response.writeHead(toHoldfastError(error).status).end());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/slack`,
    events,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export function webhookRequest(
  headers: WebhookRequest["headers"],
  body: Uint8Array | string,
): WebhookRequest {
  return {
    method: "POST",
    path: "",
    query: new URLSearchParams(),
    headers,
    body: typeof body === "string" ? Buffer.from(body) : body,
  };
}

export function messagesIn(events: readonly InboundEvent[]): InboundMessageEvent[] {
  return events.filter((event) => event.type === "message");
}

/** The effects of the messages: each event id once, in the order of its first arrival. */
export function textsOnce(events: readonly InboundEvent[]): string[] {
  const first = new Map<string, string>();
  for (const { eventId, text } of messagesIn(events)) {
    if (!first.has(eventId)) first.set(eventId, text);
  }
  return [...first.values()];
}

export function sendOf(
  account: ChannelAccount,
  channel: string,
  markdown: string,
  more: Partial<PieceSend> = {},
): PieceSend {
  const [piece] = account.render(markdown);
  if (piece === undefined) throw new Error("No piece.");
  return { piece, chat: { kind: "direct", id: channel }, key: "k-1", ...more };
}
