import {
  type ChannelAccount,
  type ChatAddress,
  type Clock,
  HoldfastError,
  type Inbound,
  type InboundEvent,
  type InboundMessageEvent,
  type PieceSend,
  type SecretRef,
} from "@holdfast/core";
import { createSeededRandom } from "@holdfast/testkit";
import type { FakeDiscord } from "@holdfast/testkit/platforms";
import { discord } from "../index.ts";

/** Waits pass so many times as fast; what is measured passes as fast as them. */
export function fastClock(factor: number): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now() * factor,
    schedule(delayMs, run) {
      const timer = setTimeout(run, Math.min(delayMs / factor, 2 ** 30));
      timer.unref();
      return () => clearTimeout(timer);
    },
    soon: (run) => setImmediate(run),
  };
}

export interface OpenedAccount {
  readonly account: ChannelAccount;
  readonly reports: string[];
  /** Resolves with the first report. */
  readonly reported: Promise<string>;
}

export function openAccount(
  fake: FakeDiscord,
  overrides: Record<string, unknown> = {},
  clock: Clock = fastClock(10),
): OpenedAccount {
  const { settings, env } = fake.account("socket");
  const reports: string[] = [];
  const { promise: reported, resolve } = Promise.withResolvers<string>();
  const secret = (ref: SecretRef): string => {
    const value = "fromEnv" in ref ? env[ref.fromEnv] : undefined;
    if (value === undefined) throw new HoldfastError("account_unauthorized", "no such variable");
    return value;
  };
  const account = discord.open({
    organization: "demo",
    name: "bot",
    settings: discord.settings.parse({ ...settings, ...overrides }),
    secret,
    clock,
    random: createSeededRandom(7),
    report(error, where) {
      reports.push(`${where}: ${error.message}`);
      resolve(error.message);
    },
  });
  return { account, reports, reported };
}

export interface Receiver {
  readonly events: InboundEvent[];
  readonly messages: () => readonly InboundMessageEvent[];
  readonly cursors: string[];
  readonly connections: () => number;
  /** Why operators were told that the connection is down. */
  readonly disconnections: readonly string[];
  /** Resolves when the condition holds; it is looked at after every change. */
  until(condition: () => boolean): Promise<void>;
  /** Rejects with what `receive` threw. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

export interface ReceiverOptions {
  readonly cursor?: string | undefined;
  /** Before the events are kept. */
  readonly onAccept?: (events: readonly InboundEvent[]) => Promise<void>;
  readonly onSave?: (cursor: string) => Promise<void>;
}

export function startReceiver(account: ChannelAccount, options: ReceiverOptions = {}): Receiver {
  const events: InboundEvent[] = [];
  const cursors: string[] = [];
  const watchers = new Set<() => void>();
  const stopping = new AbortController();
  let connections = 0;
  const disconnections: string[] = [];
  const changed = () => {
    for (const look of watchers) look();
  };
  const inbound: Inbound = {
    cursor: options.cursor,
    async accept(more) {
      await options.onAccept?.(more);
      events.push(...more);
      changed();
    },
    disconnected(reason) {
      disconnections.push(reason);
      changed();
    },
    async saveCursor(cursor) {
      await options.onSave?.(cursor);
      cursors.push(cursor);
      changed();
    },
    connected() {
      connections += 1;
      changed();
    },
  };
  const ended = account.receive?.(inbound, stopping.signal) ?? Promise.resolve();
  ended.catch(() => {});
  return {
    events,
    messages: () => events.filter((event) => event.type === "message"),
    cursors,
    connections: () => connections,
    disconnections,
    async until(condition) {
      if (condition()) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => {
        if (condition()) resolve();
      };
      watchers.add(look);
      try {
        await Promise.race([promise, ended.then(() => promise)]);
      } finally {
        watchers.delete(look);
      }
    },
    ended,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

export function texts(receiver: Receiver, chat?: string): readonly string[] {
  return receiver
    .messages()
    .filter((message) => chat === undefined || message.chat.id === chat)
    .map(({ text }) => text);
}

/** A send of the only piece of that text. */
export function pieceSend(
  account: ChannelAccount,
  chat: ChatAddress,
  markdown: string,
  key: string,
): PieceSend {
  const [piece] = account.render(markdown);
  if (piece === undefined) throw new Error("nothing was rendered");
  return { piece, chat, key };
}

export const never = new AbortController().signal;
