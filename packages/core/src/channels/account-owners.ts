import type { Heartbeats } from "../cluster/heartbeats.ts";
import { HoldfastError, toHoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import { listenOnBus } from "../path/bus-listener.ts";
import { BusQuestions } from "../path/bus-questions.ts";
import { encodeEntry } from "../path/records.ts";
import type { Bus, Subscription } from "../ports/bus.ts";
import type { InboundEvent } from "../ports/channel.ts";
import { type Clock, delay } from "../ports/clock.ts";
import type { KeyValue } from "../ports/key-value.ts";
import type { Random } from "../ports/random.ts";
import type { Account } from "../resources.ts";
import type { AccountAssignment, AccountAssignments } from "./account-assignments.ts";
import type { AccountRegistry } from "./account-registry.ts";
import { type AccountState, OwnedAccount } from "./owned-account.ts";
import type { PermitAnswer, PermitRequest } from "./rate-limiter.ts";

export type PermitReply = PermitAnswer | { readonly isUnauthorized: true };

/** How an account is, and who owns it. */
export interface AccountReport extends AccountState {
  readonly node: NodeId;
  readonly epoch: number;
}

type Question =
  | { readonly ask: "permit"; readonly key: string; readonly request: PermitRequest }
  | { readonly ask: "state"; readonly key: string }
  /** Somebody saw that the credentials work. */
  | { readonly ask: "look"; readonly key: string }
  | { readonly ask: "refused"; readonly key: string; readonly reason: string }
  | {
      readonly ask: "pause";
      readonly key: string;
      readonly chat: string | undefined;
      readonly ms: number;
    };

/** Said to nodes that may wait for it; nothing depends on it. */
type News =
  | { readonly news: "released"; readonly key: string; readonly epoch: number }
  | { readonly news: "changed"; readonly key: string };

export interface AccountOwnersOptions {
  readonly node: NodeId;
  readonly registry: AccountRegistry;
  readonly assignments: AccountAssignments;
  readonly heartbeats: Pick<Heartbeats, "isAlive" | "isCutOff" | "onChange" | "stillAlive">;
  readonly nodes: () => readonly NodeId[];
  readonly keyValue: KeyValue;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly accept: (account: Account, events: readonly InboundEvent[]) => Promise<void>;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** Runs the accounts that are assigned to this node, and asks the owners of the others. */
export class AccountOwners {
  readonly #options: AccountOwnersOptions;
  readonly #owned = new Map<string, OwnedAccount>();
  /** Accounts that are being let go. */
  readonly #leaving = new Map<string, Promise<void>>();
  /** The highest epoch that the last owner said to have let go of. */
  readonly #released = new Map<string, number>();
  /** Those that did not have to wait for another owner any more. */
  readonly #begun = new WeakSet<OwnedAccount>();
  readonly #listeners = new Set<(key: string) => void>();
  readonly #questions: BusQuestions<Question>;
  readonly #news: Subscription;
  #unlisten: () => void = () => {};
  #closed = false;

  constructor(options: AccountOwnersOptions) {
    this.#options = options;
    this.#questions = new BusQuestions({
      ...options,
      words: { asked: "account-asked", told: "account-told" },
      answer: async (question: Question) => this.#answer(question),
    });
    this.#news = listenOnBus<News>(
      options.bus,
      `node.${options.node}.account-news`,
      (news) => this.#hear(news),
      options.report,
    );
  }

  start(): void {
    const { registry, assignments, heartbeats } = this.#options;
    assignments.onChange((key) => this.#settle(key));
    heartbeats.onChange(() => this.#settleAll());
    this.#unlisten = registry.onChange((key) => {
      this.#owned.get(key)?.restart();
      this.#settle(key);
      this.#tellChange(key);
    });
    this.#settleAll();
  }

  /** How many accounts this node runs. */
  get count(): number {
    return this.#owned.size;
  }

  /** True while an account is assigned to this node or not yet let go. */
  holdsAny(): boolean {
    const { assignments, node } = this.#options;
    if (this.#leaving.size > 0) return true;
    for (const [key, assignment] of assignments.all) {
      if (assignment.node === node && this.#isDeclared(key)) return true;
    }
    return false;
  }

  /** Errors: `not_ready` while no owner answers. */
  async permit(key: string, request: PermitRequest): Promise<PermitReply> {
    return (await this.#ask(key, { ask: "permit", key, request })) as PermitReply;
  }

  /** Errors: `not_ready` while no owner answers. */
  async state(key: string): Promise<AccountReport> {
    return (await this.#ask(key, { ask: "state", key })) as AccountReport;
  }

  /** Lets the owner find out at once whether an account works that did not. */
  look(key: string): void {
    this.#tell(key, { ask: "look", key });
  }

  refused(key: string, reason: string): void {
    this.#tell(key, { ask: "refused", key, reason });
  }

  pause(key: string, chat: string | undefined, ms: number): void {
    this.#tell(key, { ask: "pause", key, chat, ms });
  }

  /** Calls `listen`, which must not throw, with the key of an account that may have changed. */
  onChange(listen: (key: string) => void): () => void {
    this.#listeners.add(listen);
    return () => void this.#listeners.delete(listen);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#unlisten();
    await Promise.all([...this.#owned.keys()].map((key) => this.#release(key)));
    await Promise.all(this.#leaving.values());
    this.#questions.close();
    this.#news.close();
  }

  #settleAll(): void {
    const { assignments } = this.#options;
    for (const [key] of assignments.all) this.#settle(key);
  }

  /** Brings what runs here in line with what is assigned, declared, and with being cut off. */
  #settle(key: string): void {
    const { assignments, heartbeats, node } = this.#options;
    const assignment = assignments.of(key);
    const mayRun = !this.#closed && !heartbeats.isCutOff && this.#isDeclared(key);
    const isMine = mayRun && assignment?.node === node;
    const owned = this.#owned.get(key);
    if (owned && (!isMine || owned.epoch !== assignment.epoch)) void this.#release(key);
    if (isMine && !this.#owned.has(key) && !this.#leaving.has(key)) this.#take(key, assignment);
  }

  #take(key: string, assignment: AccountAssignment): void {
    const { registry, heartbeats } = this.#options;
    const { organization, name } = accountOf(key);
    const owned = new OwnedAccount(
      {
        ...this.#options,
        key,
        epoch: assignment.epoch,
        opened: () => registry.get(organization, name),
        stillAlive: () => heartbeats.stillAlive(),
        onChange: () => this.#announce({ news: "changed", key }),
      },
      async (signal) => {
        await this.#untilFree(key, assignment, signal);
        if (!signal.aborted) this.#begun.add(owned);
      },
    );
    this.#owned.set(key, owned);
  }

  async #release(key: string): Promise<void> {
    const owned = this.#owned.get(key);
    if (!owned) return;
    this.#owned.delete(key);
    const leaving = owned
      .close()
      .catch((thrown: unknown) => this.#options.report(toHoldfastError(thrown), `account ${key}`))
      .finally(() => {
        this.#leaving.delete(key);
        // Who had to go before it began knows nothing of the owner before it.
        const wasFree = (this.#released.get(key) ?? 0) >= owned.epoch - 1;
        if (wasFree || this.#begun.has(owned)) {
          this.#announce({ news: "released", key, epoch: owned.epoch });
        }
        this.#settle(key);
      });
    this.#leaving.set(key, leaving);
    await leaving;
  }

  /**
   * Two nodes must never receive for one account. Who lets go in good order says so; who died, or is cut
   * off, stops by itself as soon as it can notice, for which it gets a moment more.
   */
  async #untilFree(
    key: string,
    { epoch, from, node }: AccountAssignment,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, heartbeats } = this.#options;
    if (epoch === 1 || from === node) return;
    const deadline = clock.monotonic() + limits.accountReleaseMs;
    const isReleased = () => (this.#released.get(key) ?? 0) >= epoch - 1;
    while (from !== undefined && !signal.aborted && !isReleased()) {
      if (clock.monotonic() >= deadline || !heartbeats.isAlive(from)) break;
      await delay(clock, limits.failureCheckMs, signal);
    }
    if (!isReleased()) await delay(clock, limits.accountGuardMs, signal);
  }

  #hear(news: News): void {
    if (news.news === "changed") this.#tellChange(news.key);
    else this.#released.set(news.key, Math.max(news.epoch, this.#released.get(news.key) ?? 0));
  }

  #announce(news: News): void {
    const { bus, nodes, node } = this.#options;
    this.#hear(news);
    for (const other of nodes()) {
      if (other !== node) bus.publish(`node.${other}.account-news`, encodeEntry(news));
    }
  }

  #tellChange(key: string): void {
    for (const listen of this.#listeners) listen(key);
  }

  async #ask(key: string, question: Question): Promise<unknown> {
    const { assignments, heartbeats, node } = this.#options;
    const owner = assignments.of(key)?.node;
    if (owner === node) return this.#answer(question);
    if (owner === undefined || !heartbeats.isAlive(owner)) throw notOwned(key);
    return this.#questions.ask(owner, question);
  }

  /** Not waited for: what is missed shows itself again. */
  #tell(key: string, question: Question): void {
    this.#ask(key, question).catch((thrown: unknown) => {
      const error = toHoldfastError(thrown);
      if (error.code !== "not_ready") this.#options.report(error, `account ${key}`);
    });
  }

  #answer(question: Question): PermitReply | AccountReport | null {
    const owned = this.#owned.get(question.key);
    if (!owned) throw notOwned(question.key);
    switch (question.ask) {
      case "permit":
        return owned.permit(question.request) ?? { isUnauthorized: true };
      case "state":
        return { ...owned.state, node: this.#options.node, epoch: owned.epoch };
      case "look":
        if (owned.state.status !== "connected") owned.restart();
        return null;
      case "refused":
        owned.refused(question.reason);
        return null;
      case "pause":
        owned.pause(question.chat, question.ms);
        return null;
    }
  }

  #isDeclared(key: string): boolean {
    const { organization, name } = accountOf(key);
    return this.#options.registry.isDeclared(organization, name);
  }
}

function accountOf(key: string): { organization: string; name: string } {
  const slash = key.indexOf("/");
  return { organization: key.slice(0, slash), name: key.slice(slash + 1) };
}

function notOwned(key: string): HoldfastError {
  return new HoldfastError("not_ready", `The account ${key} has no owner that answers now.`, {
    retryAfterMs: 1_000,
  });
}
