import type { ChannelAccount, Clock, HoldfastError, Inbound, InboundEvent } from "@holdfast/core";
import { createSeededRandom } from "@holdfast/testkit";
import type { FakeEmail } from "@holdfast/testkit/platforms";
import type { z } from "zod";
import { email } from "../index.ts";
import type { emailSettings } from "../settings.ts";

/** Pauses are a twentieth as long; as they were asked for, they are noted. */
function fastClock(pausesMs: number[]): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    schedule(delayMs, run) {
      pausesMs.push(delayMs);
      const timer = setTimeout(run, delayMs / 20);
      timer.unref();
      return () => clearTimeout(timer);
    },
    soon: (run) => void setImmediate(run),
  };
}

type SettingsInput = z.input<typeof emailSettings>;

export interface MailAccount {
  readonly account: ChannelAccount;
  readonly reports: HoldfastError[];
  /** Everything that it waited for, in milliseconds. */
  readonly pausesMs: readonly number[];
}

/** An account on the fake, its settings checked and changed as the test wants. */
export function openMailAccount(
  fake: FakeEmail,
  change: (settings: SettingsInput) => unknown = (settings) => settings,
): MailAccount {
  const { settings, env } = fake.account("socket");
  const reports: HoldfastError[] = [];
  const pausesMs: number[] = [];
  const account = email.open({
    organization: "acme",
    name: "mail",
    settings: email.settings.parse(change(structuredClone(settings) as SettingsInput)),
    secret: (ref) => ("fromEnv" in ref ? (env[ref.fromEnv] ?? "") : ""),
    clock: fastClock(pausesMs),
    random: createSeededRandom(7),
    report: (error) => reports.push(error),
  });
  return { account, reports, pausesMs };
}

/** A receiver that keeps what it gets, and whose owner can change. */
export class Receiver {
  readonly events: InboundEvent[] = [];
  cursor: string | undefined;
  /** Thrown by the next accepts. */
  failures: Error[] = [];
  #listeners = new Set<() => void>();
  #connected = Promise.withResolvers<void>();

  /** Runs until `stop`; resolves when the mailbox is open. */
  async start(account: ChannelAccount): Promise<{ stop(): Promise<void>; ended: Promise<void> }> {
    const stop = new AbortController();
    this.#connected = Promise.withResolvers<void>();
    const inbound: Inbound = {
      accept: async (events) => {
        const failure = this.failures.shift();
        if (failure !== undefined) throw failure;
        this.events.push(...events);
        for (const listen of this.#listeners) listen();
      },
      cursor: this.cursor,
      disconnected: () => {},
      saveCursor: async (cursor) => {
        this.cursor = cursor;
        for (const listen of this.#listeners) listen();
      },
      connected: () => this.#connected.resolve(),
    };
    const ended = account.receive?.(inbound, stop.signal) ?? Promise.resolve();
    await Promise.race([this.#connected.promise, ended]);
    return {
      ended,
      async stop() {
        stop.abort();
        await ended;
      },
    };
  }

  /** Resolves when what was received and kept fits. */
  async until(fits: (events: readonly InboundEvent[]) => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!fits(this.events)) return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      look();
    });
  }

  get texts(): string[] {
    return this.events.flatMap((event) => (event.type === "message" ? [event.text] : []));
  }
}
