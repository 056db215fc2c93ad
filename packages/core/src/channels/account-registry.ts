import { HoldfastError, toHoldfastError } from "../errors.ts";
import type { Channel, ChannelAccount, ChannelRates } from "../ports/channel.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { ResourceStore } from "../resource-store.ts";
import type { Account, SecretRef } from "../resources.ts";
import { accountKey } from "./account-assignments.ts";
import { maskChecks, secretRefs } from "./account-secrets.ts";

/** A declared account, ready for use. */
export interface OpenedAccount {
  readonly account: Account;
  readonly channel: Channel;
  readonly rates: ChannelRates;
  readonly use: ChannelAccount;
  /** Errors: `account_unauthorized` when a secret of the settings cannot be read on this node. */
  readonly requireSecrets: () => void;
}

export interface AccountRegistryOptions {
  readonly resources: ResourceStore;
  readonly channels: ReadonlyMap<string, Channel>;
  readonly secret: (ref: SecretRef) => string;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** The channel accounts of all organizations, opened when they are used first and again when they change. */
export class AccountRegistry {
  readonly #options: AccountRegistryOptions;
  readonly #opened = new Map<string, OpenedAccount>();
  /** What was reported last of accounts that are not used. */
  readonly #unknown = new Map<string, string>();
  readonly #listeners = new Set<(key: string) => void>();
  readonly #unlisten: () => void;

  constructor(options: AccountRegistryOptions) {
    this.#options = options;
    this.#unlisten = options.resources.onChange("Account", ({ organization = "", name }) =>
      this.#changed(organization, name),
    );
  }

  /** Errors: none; an account whose channel or settings this version does not know is reported, and not there. */
  get(organization: string, name: string): OpenedAccount | undefined {
    const { resources, channels } = this.#options;
    const account = resources.account(organization, name);
    const key = accountKey({ organization, name });
    const known = this.#opened.get(key);
    if (known && known.account === account) return known;
    if (known && account && JSON.stringify(known.account) === JSON.stringify(account)) return known;
    if (known) this.#close(key, known);
    const channel = account && channels.get(account.channel);
    const settings = channel?.settings.safeParse(account?.settings ?? {});
    if (!account) return undefined;
    if (!channel || !settings?.success) {
      this.#reportUnknown(account, settings?.error?.issues[0]);
      return undefined;
    }
    const { secret, clock, random, report } = this.#options;
    const use = channel.open({
      organization,
      name,
      settings: settings.data,
      secret,
      clock,
      random,
      report,
    });
    const refs = secretRefs(settings.data);
    maskChecks(use, refs, secret);
    const requireSecrets = () => refs.forEach((ref) => void secret(ref));
    const usual = channel.capabilities.rates;
    const { account: whole, direct, group } = account.rates ?? {};
    const rates = {
      account: whole ?? usual.account,
      direct: direct ?? usual.direct,
      group: group ?? usual.group,
    };
    const opened = { account, channel, rates, use, requireSecrets };
    this.#opened.set(key, opened);
    return opened;
  }

  isDeclared(organization: string, name: string): boolean {
    return this.#options.resources.account(organization, name) !== undefined;
  }

  /** Every declared account, opened or not. */
  *declared(): Generator<Account> {
    for (let after: string | undefined; ; ) {
      const range = { limit: 1_000, ...(after !== undefined && { after }) };
      const page = this.#options.resources.list("Account", undefined, range);
      for (const item of page.items) if (item.kind === "Account") yield item;
      if (page.next === undefined) return;
      after = page.next;
    }
  }

  /** Calls `listen`, which must not throw, with the key of an account that was declared, changed or deleted. */
  onChange(listen: (key: string) => void): () => void {
    this.#listeners.add(listen);
    return () => void this.#listeners.delete(listen);
  }

  close(): void {
    this.#unlisten();
    for (const [key, opened] of this.#opened) this.#close(key, opened);
  }

  #changed(organization: string, name: string): void {
    const key = accountKey({ organization, name });
    const known = this.#opened.get(key);
    const account = this.#options.resources.account(organization, name);
    if (known && JSON.stringify(known.account) === JSON.stringify(account)) return;
    if (known) this.#close(key, known);
    for (const listen of this.#listeners) listen(key);
  }

  /** Once for each state of the account. The issue says what was expected, and not what stands there. */
  #reportUnknown(
    account: Account,
    issue?: { path: readonly PropertyKey[]; message: string },
  ): void {
    const { organization, name, channel } = account;
    const fault = issue
      ? `${issue.path.map(String).join(".")}: ${issue.message}`
      : "no such channel";
    const problem = `Account ${organization}/${name} is not used: this version does not take its ${channel} settings (${fault}). Apply it again.`;
    const key = accountKey(account);
    if (this.#unknown.get(key) === problem) return;
    this.#unknown.set(key, problem);
    this.#options.report(new HoldfastError("invalid_resource", problem), "accounts");
  }

  #close(key: string, { use }: OpenedAccount): void {
    this.#opened.delete(key);
    use.close?.().catch((thrown: unknown) => {
      this.#options.report(toHoldfastError(thrown), `closing of account ${key}`);
    });
  }
}
