import { HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Inbound, InboundEvent } from "../ports/channel.ts";
import { type Clock, delay } from "../ports/clock.ts";
import type { KeyValue } from "../ports/key-value.ts";
import type { Random } from "../ports/random.ts";
import type { Account } from "../resources.ts";
import { AccountCursor } from "./account-cursors.ts";
import type { OpenedAccount } from "./account-registry.ts";
import { type PermitAnswer, type PermitRequest, RateLimiter } from "./rate-limiter.ts";

export type AccountStatus = "starting" | "connected" | "unauthorized" | "unavailable";

/** How an account is, as its owner knows. */
export interface AccountState {
  readonly status: AccountStatus;
  /** A sentence; never a secret. */
  readonly detail?: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export interface OwnedAccountOptions {
  readonly key: string;
  readonly epoch: number;
  /** The account as it is declared now. */
  readonly opened: () => OpenedAccount | undefined;
  readonly keyValue: KeyValue;
  readonly clock: Clock;
  readonly random: Random;
  readonly accept: (account: Account, events: readonly InboundEvent[]) => Promise<void>;
  /** Undefined while others cannot have taken this node for dead; see `Heartbeats.stillAlive`. */
  readonly stillAlive: () => Promise<void> | undefined;
  /** It can be used again, or no more. */
  readonly onChange: () => void;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** A channel account at its owner: receives, counts the sends of the whole cluster, knows how it is. */
export class OwnedAccount {
  readonly #options: OwnedAccountOptions;
  readonly #stop = new AbortController();
  /** Aborts the present receiver, because the account was changed. */
  #receiving = new AbortController();
  readonly #ended: Promise<void>;
  #limiter: RateLimiter | undefined;
  #limited: OpenedAccount | undefined;
  #state: AccountState;
  #tries = 0;

  /** `ready` resolves when the last owner does nothing any more. */
  constructor(options: OwnedAccountOptions, ready: (signal: AbortSignal) => Promise<void>) {
    this.#options = options;
    this.#state = { status: "starting", since: options.clock.now() };
    this.#ended = this.#run(ready);
  }

  get epoch(): number {
    return this.#options.epoch;
  }

  get state(): AccountState {
    return this.#state;
  }

  /** What was declared, or the credentials behind it, changed: it begins anew. */
  restart(): void {
    this.#receiving.abort();
  }

  /** Resolves when nothing of it runs any more. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#receiving.abort();
    await this.#ended;
  }

  /** Undefined while the account cannot be used. */
  permit(request: PermitRequest): PermitAnswer | undefined {
    const opened = this.#options.opened();
    if (!opened || this.#state.status === "unauthorized") return undefined;
    const now = this.#options.clock.monotonic();
    if (!this.#limiter || this.#limited?.account !== opened.account) {
      this.#limiter = new RateLimiter(opened.rates, now);
      this.#limited = opened;
    }
    return this.#limiter.request(request, now);
  }

  pause(chat: string | undefined, ms: number): void {
    this.#limiter?.pause(chat, ms, this.#options.clock.monotonic());
  }

  /** The platform does not take the credentials. */
  refused(reason: string): void {
    if (this.#state.status === "unauthorized") return;
    this.#become("unauthorized", reason);
    const { report, key, onChange } = this.#options;
    report(new HoldfastError("account_unauthorized", reason), `account ${key}`);
    onChange();
    this.#receiving.abort();
  }

  async #run(ready: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    await ready(signal);
    while (!signal.aborted) {
      this.#receiving = new AbortController();
      try {
        if (this.#state.status === "unauthorized") await this.#untilAuthorized();
        else await this.#receive();
        this.#tries = 0;
      } catch (thrown) {
        if (signal.aborted) return;
        await this.#onTrouble(toHoldfastError(thrown));
      }
    }
  }

  async #receive(): Promise<void> {
    const { key, epoch, keyValue, opened } = this.#options;
    const { signal } = this.#receiving;
    const current = opened();
    if (!current) return aborted(signal);
    // All of them, or a missing one that only sends need would show with the first answer.
    current.requireSecrets();
    if (!current.use.receive) return this.#watch(current, signal);
    this.#become("starting");
    const cursor = await AccountCursor.take(keyValue, key, epoch, current.account.channel);
    if (signal.aborted) return;
    const { account } = current;
    // A receiver that ends has nothing more to say of the account: its credentials may just be refused.
    const become = (status: AccountStatus, detail?: string) => {
      if (!signal.aborted) this.#become(status, detail);
    };
    const inbound: Inbound = {
      accept: (events) => this.#accept(account, events, signal),
      get cursor() {
        return cursor.value;
      },
      saveCursor: (value) => cursor.save(value),
      connected: (detail) => become("connected", detail),
      disconnected: (reason) => become("unavailable", reason),
    };
    await current.use.receive(inbound, signal);
  }

  /** Nothing has to run for it: only whether it works is found out, until it does. */
  async #watch({ use }: OpenedAccount, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const timeout = AbortSignal.timeout(limits.accountCheckTimeoutMs);
      const asked = AbortSignal.any([signal, timeout]);
      const { ok, isAuthorized, findings } = await use.check(asked);
      if (signal.aborted) return;
      if (ok) {
        this.#become("connected");
        return aborted(signal);
      }
      // Only when it is said: a platform that is away says nothing of the credentials.
      if (isAuthorized === false) return this.refused(findings[0] ?? "They are refused.");
      this.#become("unavailable", findings[0]);
      await delay(clock, limits.accountCheckMs, signal);
    }
  }

  /** Only the owner may confirm anything to the platform. */
  async #accept(
    account: Account,
    events: readonly InboundEvent[],
    signal: AbortSignal,
  ): Promise<void> {
    const paused = this.#options.stillAlive();
    // A node that is cut off may never hear of itself again, and must be able to stop.
    if (paused) await Promise.race([paused, aborted(signal)]);
    if (signal.aborted) {
      throw new HoldfastError("ownership_lost", "This node does not own the account any more.");
    }
    await this.#options.accept(account, events);
  }

  async #onTrouble(error: HoldfastError): Promise<void> {
    const { clock, random, report, key } = this.#options;
    if (this.#receiving.signal.aborted) return;
    if (error.code === "account_unauthorized") {
      this.refused(error.message);
      return;
    }
    if (this.#state.status !== "unavailable") report(error, `account ${key}`);
    this.#become("unavailable", error.message);
    this.#tries += 1;
    const bound = limits.receiverRetryMinMs * 2 ** Math.min(this.#tries - 1, 16);
    const ms = Math.min(limits.receiverRetryMaxMs, bound) * (0.5 + random.next() / 2);
    await delay(clock, ms, this.#receiving.signal);
  }

  /** Looks at the credentials from time to time, and at once when the account was changed. */
  async #untilAuthorized(): Promise<void> {
    const { clock, opened, onChange } = this.#options;
    const { signal } = this.#receiving;
    await delay(clock, limits.accountCheckMs, signal);
    for (let looked: OpenedAccount | undefined; !this.#stop.signal.aborted; ) {
      const current = opened();
      // A check of what was replaced meanwhile says nothing of what stands there now.
      if (current === looked) return;
      looked = current;
      const timeout = AbortSignal.timeout(limits.accountCheckTimeoutMs);
      const check = await current?.use.check(AbortSignal.any([this.#stop.signal, timeout]));
      if (check?.isAuthorized ?? check?.ok) break;
    }
    if (this.#stop.signal.aborted) return;
    this.#become("starting");
    onChange();
  }

  #become(status: AccountStatus, detail?: string): void {
    const since = this.#options.clock.now();
    if (this.#state.status === status && this.#state.detail === detail) return;
    this.#state = { status, since, ...(detail !== undefined && { detail }) };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
