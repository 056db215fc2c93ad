import { HoldfastError } from "../../errors.ts";
import type { ChatSender } from "../../ports/channel.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KeyEntry, KeyValue } from "../../ports/key-value.ts";
import type { Random } from "../../ports/random.ts";
import type { Account } from "../../resources.ts";
import { pairingLimits } from "./access-limits.ts";
import { idsOf, writtenId } from "./identities.ts";
import { newPairingCode, typedPairingCode } from "./pairing-code.ts";
import { PairingIndex } from "./pairing-index.ts";
import {
  accountKey,
  type AccountName,
  channelAccessBucket,
  packPaired,
  packPending,
  type PairedSender,
  pairedKey,
  pendingKey,
  type PendingPairing,
  unpackPaired,
  unpackPending,
} from "./pairing-records.ts";
import { WrongCodes } from "./wrong-codes.ts";

export interface PairingServices {
  readonly keyValue: KeyValue;
  readonly clock: Clock;
  /** Its tokens must be unguessable. */
  readonly random: Random;
  readonly digest: (text: string) => string;
  /** A record that cannot be read. */
  readonly report: (error: HoldfastError) => void;
}

type PairingAccount = Pick<Account, "organization" | "name" | "channel">;

export type PairingRequest =
  /** `isNew`: this event is answered with the code; the same event always is, later ones are not. */
  | { readonly result: "code"; readonly code: string; readonly isNew: boolean }
  /** As many as may wait do so already. The person is not answered. */
  | { readonly result: "full" }
  /** Approved in the meantime: the message is handled. */
  | { readonly result: "paired" };

export interface PairingList {
  /** Codes that are still good. */
  readonly pending: readonly PendingPairing[];
  /** A page in order of the people's ids. */
  readonly paired: readonly PairedSender[];
  /** Give this as `after` for the next page; absent on the last. */
  readonly next?: string;
}

/**
 * Who was approved to write to an account directly. Any node asks and changes it, all at once; every change
 * is compare-and-set. Errors of all that is asynchronous: those of the key-value port.
 */
export interface Pairing {
  /** From memory: a change of another node is seen a moment later. */
  isPaired(account: PairingAccount, senderId: string): boolean;
  /** Reads and writes only for people who neither wait nor could. */
  request(
    account: PairingAccount,
    event: { readonly eventId: string; readonly sender: ChatSender },
  ): Promise<PairingRequest>;
  /** Errors: `pairing_not_found`, `rate_limited` after too many wrong codes, `invalid_request` when no more people may be approved. */
  approve(organization: string, account: string, code: string): Promise<PairedSender>;
  /** The account's channel does not matter: also what was approved before it was changed is told. */
  list(
    organization: string,
    account: string,
    range?: { after?: string; limit?: number },
  ): PairingList;
  /** Takes back an approval, or a code, of whoever the id means, however it is written; false when there was none. */
  revoke(organization: string, account: string, senderId: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Reads all that is known. Errors: those of the port. */
export async function createPairing(services: PairingServices): Promise<Pairing> {
  const index = new PairingIndex(services.keyValue, services.report);
  await index.open();
  return new LivePairing(services, index);
}

class LivePairing implements Pairing {
  readonly #services: PairingServices;
  readonly #index: PairingIndex;
  readonly #wrong: WrongCodes;

  constructor(services: PairingServices, index: PairingIndex) {
    this.#services = services;
    this.#index = index;
    this.#wrong = new WrongCodes(services.clock);
  }

  isPaired(account: PairingAccount, senderId: string): boolean {
    const key = this.#pairedKey(account, senderId);
    return isOf(this.#index.paired(accountKey(account), key), account, senderId);
  }

  async request(
    account: PairingAccount,
    { eventId, sender }: { readonly eventId: string; readonly sender: ChatSender },
  ): Promise<PairingRequest> {
    if (sender.id.length > pairingLimits.senderIdChars) return { result: "full" };
    const waiting = this.#good(this.#index.pending(accountKey(account)));
    const early = found(waiting, account, sender.id, eventId);
    if (early) return early;
    if (waiting.length >= pairingLimits.pendingPerAccount) return { result: "full" };
    // Another node may have approved the person a moment ago.
    const paired = await this.#read(this.#pairedKey(account, sender.id));
    if (paired && isOf(unpackPaired(paired.key, paired.value), account, sender.id)) {
      this.#index.take(paired);
      return { result: "paired" };
    }
    const asked = this.#asked(account, sender, eventId);
    return this.#changePending<PairingRequest>(account, (pending) => {
      const known = found(pending, account, sender.id, eventId);
      if (known) return { result: known };
      if (pending.length >= pairingLimits.pendingPerAccount) return { result: { result: "full" } };
      const code = asked.code;
      return { pending: [...pending, asked], result: { result: "code", code, isNew: true } };
    });
  }

  async approve(organization: string, name: string, code: string): Promise<PairedSender> {
    const account = { organization, name };
    const key = accountKey(account);
    const approved = await this.#waitingUnder(account, code);
    if (this.#index.countPaired(key) >= pairingLimits.pairedPerAccount) {
      const message = `${name} has ${pairingLimits.pairedPerAccount} approved people, and no more may be: open the account instead.`;
      throw new HoldfastError("invalid_request", message);
    }
    const paired = this.#approved(approved);
    const value = packPaired(paired);
    await this.#change(this.#pairedKey(account, paired.id), () => ({ value, result: undefined }));
    await this.#withdraw(account, paired.id);
    return paired;
  }

  list(
    organization: string,
    name: string,
    { after, limit = pairingLimits.listPage }: { after?: string; limit?: number } = {},
  ): PairingList {
    const key = accountKey({ organization, name });
    const sorted = this.#index
      .allPaired(key)
      .filter(({ id }) => after === undefined || id > after)
      .toSorted((one, other) => (one.id < other.id ? -1 : 1));
    const paired = sorted.slice(0, Math.min(Math.max(1, limit), pairingLimits.listPage));
    const last = paired.at(-1);
    const isMore = last !== undefined && paired.length < sorted.length;
    const pending = this.#good(this.#index.pending(key));
    return { pending, paired, ...(isMore && { next: last.id }) };
  }

  async revoke(organization: string, name: string, senderId: string): Promise<boolean> {
    const account = { organization, name };
    let hadAny = false;
    for (const id of this.#idsWrittenAs(account, senderId)) {
      if (await this.#revokeOne(account, id)) hadAny = true;
    }
    return hadAny;
  }

  close(): Promise<void> {
    return this.#index.close();
  }

  /** The id itself, and the people whom this node knows by another way of writing it. */
  #idsWrittenAs(account: AccountName, written: string): ReadonlySet<string> {
    const key = accountKey(account);
    const known = [...this.#index.allPaired(key), ...this.#index.pending(key)];
    const meant = known.filter((one) =>
      idsOf(one.channel, one).includes(writtenId(one.channel, written) ?? written),
    );
    return new Set([written, ...meant.map(({ id }) => id)]);
  }

  async #revokeOne(account: AccountName, senderId: string): Promise<boolean> {
    const key = this.#pairedKey(account, senderId);
    const hadCode = await this.#withdraw(account, senderId);
    let wasPaired = false;
    await this.#attempts(async () => {
      const stored = await this.#read(key);
      if (!stored) return true;
      wasPaired = true;
      await this.#services.keyValue.delete(channelAccessBucket, key, stored.revision);
      this.#index.drop(key, stored.revision);
      return true;
    });
    return hadCode || wasPaired;
  }

  /** Errors: `pairing_not_found`, `rate_limited`. */
  async #waitingUnder(account: AccountName, code: string): Promise<PendingPairing> {
    const notWrong = this.#wrong.count(accountKey(account));
    let isWrong = false;
    try {
      const stored = await this.#read(pendingKey(account));
      const pending = stored ? this.#good(unpackPending(stored.key, stored.value)) : [];
      // Digests are compared, so that the time it takes tells nothing of the codes.
      const { digest } = this.#services;
      const wanted = digest(typedPairingCode(code));
      const found = pending.find((one) => digest(one.code) === wanted);
      if (found) return found;
      isWrong = true;
    } finally {
      if (!isWrong) notWrong();
    }
    const { name } = account;
    throw new HoldfastError("pairing_not_found", `No pairing of ${name} waits under that code.`);
  }

  #pairedKey(account: AccountName, senderId: string): string {
    return pairedKey(account, senderId, this.#services.digest);
  }

  #good(pending: readonly PendingPairing[]): readonly PendingPairing[] {
    const since = this.#services.clock.now() - pairingLimits.codeLifetimeMs;
    return pending.filter(({ requestedAt }) => requestedAt > since);
  }

  #asked(account: PairingAccount, sender: ChatSender, eventId: string): PendingPairing {
    const { clock, random } = this.#services;
    return {
      ...shownSender(sender),
      channel: account.channel,
      code: newPairingCode(random),
      eventId,
      requestedAt: clock.now(),
    };
  }

  #approved({ id, name, username, channel }: PendingPairing): PairedSender {
    return {
      id,
      ...(name !== undefined && { name }),
      ...(username !== undefined && { username }),
      channel,
      approvedAt: this.#services.clock.now(),
    };
  }

  /** Takes a person's code back. */
  #withdraw(account: AccountName, senderId: string): Promise<boolean> {
    return this.#changePending(account, (pending) => {
      const rest = pending.filter(({ id }) => id !== senderId);
      return rest.length < pending.length ? { pending: rest, result: true } : { result: false };
    });
  }

  #changePending<T>(
    account: AccountName,
    edit: (pending: readonly PendingPairing[]) => {
      pending?: readonly PendingPairing[];
      result: T;
    },
  ): Promise<T> {
    const key = pendingKey(account);
    return this.#change(key, (stored) => {
      const { pending, result } = edit(stored ? this.#good(unpackPending(key, stored.value)) : []);
      return { result, ...(pending && { value: packPending(pending) }) };
    });
  }

  /** `edit` sees what is stored, and runs again when somebody else was faster. */
  async #change<T>(
    key: string,
    edit: (stored: KeyEntry | undefined) => { value?: Uint8Array; result: T },
  ): Promise<T> {
    return this.#attempts(async () => {
      const stored = await this.#read(key);
      const { value, result } = edit(stored);
      if (!value) {
        if (stored) this.#index.take(stored);
        return result;
      }
      const { keyValue } = this.#services;
      const expected = stored?.revision ?? 0;
      const revision = await keyValue.update(channelAccessBucket, key, value, expected);
      this.#index.take({ key, value, revision });
      return result;
    });
  }

  #read(key: string): Promise<KeyEntry | undefined> {
    return this.#services.keyValue.get(channelAccessBucket, key);
  }

  /** Again after a conflict, and after a lost answer: every change looks first whether it is done. */
  async #attempts<T>(attempt: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt();
      } catch (thrown) {
        const code = thrown instanceof HoldfastError ? thrown.code : undefined;
        const mayRepeat = code === "revision_conflict" || code === "append_outcome_unknown";
        if (!mayRepeat || tries >= pairingLimits.writeAttempts) throw thrown;
      }
    }
  }
}

function isOf(
  paired: PairedSender | undefined,
  account: PairingAccount,
  senderId: string,
): boolean {
  // The account's name may have been that of another channel's account before.
  return paired !== undefined && paired.channel === account.channel && paired.id === senderId;
}

function found(
  pending: readonly PendingPairing[],
  { channel }: PairingAccount,
  senderId: string,
  eventId: string,
): PairingRequest | undefined {
  const known = pending.find((one) => one.id === senderId && one.channel === channel);
  return known && { result: "code", code: known.code, isNew: known.eventId === eventId };
}

function shownSender({ id, name, username }: ChatSender) {
  const shown = (text: string) => text.slice(0, pairingLimits.nameChars).toWellFormed();
  return {
    id,
    ...(name !== undefined && { name: shown(name) }),
    ...(username !== undefined && { username: shown(username) }),
  };
}
