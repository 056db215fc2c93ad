import type {
  ChannelAccount,
  ChatAddress,
  Clock,
  HoldfastError,
  Inbound,
  InboundEvent,
  InboundMessageEvent,
  WebhookRequest,
} from "@holdfast/core";
import { createSeededRandom } from "@holdfast/testkit";
import { telegram } from "../index.ts";

export interface OpenedAccount {
  readonly account: ChannelAccount;
  readonly reports: readonly HoldfastError[];
  /** Resolves at the next report whose message fits. */
  reported(pattern: RegExp): Promise<HoldfastError>;
  readonly env: Record<string, string | undefined>;
}

interface Opening {
  readonly settings: Record<string, unknown>;
  readonly env: Readonly<Record<string, string>>;
  /** Which of the account's waits pass faster than they are. */
  readonly shorten?: (delayMs: number) => number;
}

/** The pauses between tries; the time limits of requests stay, however slow the machine is. */
export const shortPauses = (delayMs: number) => (delayMs < 15_000 ? delayMs / 20 : delayMs);
/** The five minutes between two looks at the webhook. */
export const shortLooks = (delayMs: number) => (delayMs > 60_000 ? delayMs / 1_000 : delayMs);

export function openTelegram({ settings, env, shorten = same }: Opening): OpenedAccount {
  const values: Record<string, string | undefined> = { ...env };
  const reports: HoldfastError[] = [];
  const waiters = new Set<() => void>();
  const account = telegram.open({
    organization: "demo",
    name: "bot",
    settings: telegram.settings.parse(settings),
    secret: (ref) => ("fromEnv" in ref ? (values[ref.fromEnv] ?? "") : ""),
    clock: realClock(shorten),
    random: createSeededRandom(1),
    report(error) {
      reports.push(error);
      for (const waiter of waiters) waiter();
    },
  });
  return {
    account,
    reports,
    env: values,
    reported: (pattern) =>
      new Promise((resolve) => {
        const look = () => {
          const found = reports.find(({ message }) => pattern.test(message));
          if (!found) return;
          waiters.delete(look);
          resolve(found);
        };
        waiters.add(look);
        look();
      }),
  };
}

export interface FakeInbound extends Inbound {
  readonly events: readonly InboundEvent[];
  /** Resolves with the first `count` messages. */
  messages(count: number): Promise<readonly InboundMessageEvent[]>;
  readonly isConnected: Promise<void>;
  /** What operators were told, in order. */
  readonly told: readonly string[];
  /** Resolves when they are told so for the `times`th time. */
  toldOften(what: "connected" | "disconnected", times: number): Promise<void>;
}

/** `before` runs before each acceptance, and may fail it. */
export function fakeInbound(before: () => Promise<void> | void = () => {}): FakeInbound {
  const events: InboundEvent[] = [];
  const told: string[] = [];
  const waiters = new Set<() => void>();
  const { promise: isConnected, resolve: connected } = Promise.withResolvers<void>();
  const messages = () => events.filter((event) => event.type === "message");
  const tell = (what: string) => {
    told.push(what);
    for (const waiter of waiters) waiter();
  };
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!condition()) return;
        waiters.delete(look);
        resolve();
      };
      waiters.add(look);
      look();
    });
  return {
    events,
    isConnected,
    told,
    toldOften: (what, times) => until(() => told.filter((each) => each === what).length >= times),
    cursor: undefined,
    async accept(accepted) {
      await before();
      events.push(...accepted);
      for (const waiter of waiters) waiter();
    },
    disconnected: () => tell("disconnected"),
    saveCursor: async () => {},
    connected() {
      tell("connected");
      connected();
    },
    async messages(count) {
      await until(() => messages().length >= count);
      return messages();
    },
  };
}

export function webhookRequest(
  body: unknown,
  headers: Readonly<Record<string, string>>,
): WebhookRequest {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    method: "POST",
    path: "",
    query: new URLSearchParams(),
    headers,
    body: new TextEncoder().encode(text),
  };
}

export function direct(id: string): ChatAddress {
  return { kind: "direct", id };
}

export const never = new AbortController().signal;

const same = (delayMs: number) => delayMs;

function realClock(shorten: (delayMs: number) => number): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    schedule(delayMs, run) {
      const timer = setTimeout(run, shorten(delayMs));
      timer.unref();
      return () => clearTimeout(timer);
    },
    soon: (run) => setImmediate(run),
  };
}
