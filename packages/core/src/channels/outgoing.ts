import { type HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { MessageSource } from "../deliveries.ts";
import type {
  DeliveryFailure,
  OutgoingAccount,
  OutgoingChannels,
} from "../path/outgoing-channels.ts";
import type { ChatAddress } from "../ports/channel.ts";
import { type Cancel, type Clock, delay } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { accountKey } from "./account-assignments.ts";
import type { AccountOwners } from "./account-owners.ts";
import type { AccountRegistry, OpenedAccount } from "./account-registry.ts";
import type { FailedDeliveries } from "./failed-deliveries.ts";
import type { MediaKeeper } from "./media-keeper.ts";

export interface OutgoingOptions {
  readonly registry: AccountRegistry;
  readonly owners: AccountOwners;
  readonly failures: FailedDeliveries;
  readonly media: MediaKeeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** The accounts as conversations send through them: any node sends, the account's owner counts. */
export class Outgoing implements OutgoingChannels {
  readonly #options: OutgoingOptions;
  /** Accounts whose credentials are refused, and when this node was told so. */
  readonly #unauthorized = new Map<string, number>();

  constructor(options: OutgoingOptions) {
    this.#options = options;
    options.owners.onChange((key) => void this.#unauthorized.delete(key));
  }

  account(organization: string, name: string): OutgoingAccount | undefined {
    const opened = this.#options.registry.get(organization, name);
    return opened && this.#outgoing(opened, accountKey({ organization, name }));
  }

  changed(organization: string, name: string, signal: AbortSignal): Promise<void> {
    const own = accountKey({ organization, name });
    return new Promise((resolve) => {
      const end = () => {
        unlisten();
        resolve();
      };
      const unlisten = this.#options.owners.onChange((key) => {
        if (key === own) end();
      });
      signal.addEventListener("abort", end, { once: true });
    });
  }

  describeMedia(organization: string, id: string, source: MessageSource): Promise<string> {
    const opened = this.#options.registry.get(organization, source.account);
    return this.#options.media.describe(opened?.use, { organization, id }, source.media ?? []);
  }

  report(failure: DeliveryFailure): void {
    this.#options.failures.add(failure);
  }

  #outgoing({ account, channel, use }: OpenedAccount, key: string): OutgoingAccount {
    const { owners } = this.#options;
    return {
      idempotentSends: channel.capabilities.idempotentSends,
      onFailure: account.onFailure ?? "fail-rest",
      isAuthorized: !this.#isUnauthorized(key),
      render: (markdown) => use.render(markdown),
      permit: (chat, sentAgoMs, signal) => this.#permit(key, chat, sentAgoMs, signal),
      pause: (chat, ms) => owners.pause(key, chat && chatOf(chat), ms),
      send: (send, signal) => use.send(send, signal),
      refused: (reason) => {
        this.#unauthorized.set(key, this.#options.clock.monotonic());
        owners.refused(key, reason);
      },
      typing: (chat) => {
        const isShown = channel.capabilities.typing && (account.streaming ?? "typing") !== "off";
        return isShown && use.typing ? this.#type(use.typing.bind(use), chat) : () => {};
      },
    };
  }

  /** Asked again after a while: nobody may have heard that it works again. */
  #isUnauthorized(key: string): boolean {
    const since = this.#unauthorized.get(key);
    if (since === undefined) return false;
    if (this.#options.clock.monotonic() - since < limits.accountLookMs) return true;
    this.#unauthorized.delete(key);
    return false;
  }

  async #permit(
    key: string,
    chat: ChatAddress,
    sentAgoMs: readonly number[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { owners, clock } = this.#options;
    const asked = clock.monotonic();
    while (!signal.aborted) {
      const waitedMs = clock.monotonic() - asked;
      const request = {
        chat: chatOf(chat),
        isGroup: chat.kind !== "direct",
        sentAgoMs: sentAgoMs.map((ago) => ago + waitedMs),
      };
      try {
        const reply = await owners.permit(key, request);
        if ("isUnauthorized" in reply) {
          this.#unauthorized.set(key, clock.monotonic());
          return false;
        }
        if ("grantedAfterMs" in reply) {
          if (reply.grantedAfterMs > 0) await delay(clock, reply.grantedAfterMs, signal);
          return !signal.aborted;
        }
        // Those who wait for the same chat must not all come back at once.
        const spread = 0.75 + this.#options.random.next() / 2;
        await delay(clock, reply.askAfterMs * spread, signal);
      } catch (thrown) {
        const { retry } = toHoldfastError(thrown);
        if (retry === "never") throw thrown;
        await delay(clock, limits.permitRetryMs, signal);
      }
    }
    return false;
  }

  /** Platforms show it for a few seconds; it is soft, and whatever goes wrong with it changes nothing. */
  #type(
    typing: (chat: ChatAddress, signal: AbortSignal) => Promise<void>,
    chat: ChatAddress,
  ): () => void {
    const { clock, report } = this.#options;
    const over = new AbortController();
    const until = clock.monotonic() + limits.typingMaxMs;
    let cancel: Cancel = () => {};
    const show = () => {
      if (clock.monotonic() > until) return;
      typing(chat, over.signal).catch((thrown: unknown) => {
        if (!over.signal.aborted) report(toHoldfastError(thrown), "typing");
      });
      cancel = clock.schedule(limits.typingEveryMs, show);
    };
    // An answer that is there at once needs no sign of being written.
    cancel = clock.schedule(limits.typingAfterMs, show);
    return () => {
      cancel();
      over.abort();
    };
  }
}

/** Platforms count by chat, whatever thread of it. */
function chatOf({ id }: ChatAddress): string {
  return id;
}
