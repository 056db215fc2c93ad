import type {
  AccountCheck,
  AccountReport,
  ChannelCapabilities,
  DeliveryFailure,
  DeliveryState,
  DeliveryView,
} from "@holdfast/core";
import type { Http } from "./http.ts";
import { pageQuery } from "./paging.ts";
import type { CallOptions, ConversationAddress, Page, PageRange } from "./types.ts";

export type { DeliveryFailure, DeliveryState, DeliveryView };

/** A channel account, who may write to it, and what became of the messages that agents sent. */
export interface ChannelCalls {
  /** How the account is, as its owner knows. Errors: `account_not_found`. */
  accountState(account: AccountAddress, options?: CallOptions): Promise<AccountState>;
  /** Asks the platform whether the account works; that it does not is an answer. Errors: `account_not_found`. */
  checkAccount(account: AccountAddress, options?: CallOptions): Promise<CheckedAccount>;
  /** Who waits for approval, and a page of those who have it. Errors: `account_not_found`. */
  pairings(account: AccountAddress, range?: PageRange & CallOptions): Promise<Pairings>;
  /**
   * Lets the person write who got the code. Errors: `account_not_found`, `pairing_not_found`, `rate_limited`
   * after too many wrong codes.
   */
  approvePairing(
    account: AccountAddress,
    code: string,
    options?: CallOptions,
  ): Promise<PairedPerson>;
  /** Takes back an approval, or a code. Errors: `account_not_found`, `pairing_not_found`. */
  revokePairing(account: AccountAddress, person: string, options?: CallOptions): Promise<void>;
  /** What is kept of the messages that the conversation sent to its chats, the oldest first. */
  deliveries(of: ConversationAddress, options?: CallOptions): Promise<readonly DeliveryView[]>;
  /** Sends a message that waits once more, or gives it up. Errors: `delivery_not_found`. */
  changeDelivery(
    of: ConversationAddress,
    id: string,
    action: DeliveryAction,
    options?: CallOptions,
  ): Promise<void>;
  /** Messages that did not arrive, or of which nobody knows whether they did, the oldest first. */
  failedDeliveries(
    organization: string,
    range?: PageRange & CallOptions,
  ): Promise<Page<DeliveryFailure>>;
}

/** Names one account. */
export interface AccountAddress {
  readonly organization: string;
  readonly name: string;
}

export type DeliveryAction = "retry" | "discard";

/** How an account is; `unowned` while no owner answers, which `detail` says, too. */
export interface AccountState
  extends Omit<AccountReport, "status" | "since" | "node" | "epoch">,
    Partial<Pick<AccountReport, "since" | "epoch">> {
  readonly status: AccountReport["status"] | "unowned";
  /** The node that owns it. */
  readonly node?: string;
  readonly capabilities: ChannelCapabilities;
}

export interface CheckedAccount extends AccountCheck {
  readonly state: AccountState;
}

export interface Pairings {
  /** Whose codes are still good. */
  readonly pending: readonly PendingPerson[];
  /** In order of their ids. */
  readonly paired: readonly PairedPerson[];
  /** Give this as `after` for the next page; absent on the last. */
  readonly next?: string;
}

/** A person as the platform names it: anything may stand in `name` and `username`. */
interface Person {
  readonly id: string;
  readonly name?: string;
  readonly username?: string;
  readonly channel: string;
}

export interface PendingPerson extends Person {
  readonly code: string;
  /** Milliseconds since 1970. */
  readonly requestedAt: number;
}

export interface PairedPerson extends Person {
  /** Milliseconds since 1970. */
  readonly approvedAt: number;
}

export function channelCalls(http: Http): ChannelCalls {
  const read = async (path: string, { signal }: CallOptions): Promise<unknown> =>
    (await http.call({ method: "GET", path, repeat: "harmless", signal })).body;

  return {
    accountState: async (account, options = {}) =>
      (await read(`${accountPath(account)}/state`, options)) as AccountState,
    async checkAccount(account, { signal } = {}) {
      const path = `${accountPath(account)}/check`;
      const reply = await http.call({ method: "POST", path, repeat: "harmless", signal });
      return reply.body as CheckedAccount;
    },
    pairings: async (account, range = {}) =>
      (await read(`${accountPath(account)}/pairings${pageQuery(range)}`, range)) as Pairings,
    async approvePairing(account, code, { signal } = {}) {
      const path = `${accountPath(account)}/pairings`;
      // A code is good once, and the second answer would be that there is none.
      const call = { method: "POST", path, body: { code }, repeat: "visible", signal } as const;
      return (await http.call(call)).body as PairedPerson;
    },
    async revokePairing(account, person, { signal } = {}) {
      const path = `${accountPath(account)}/pairings/${encodeURIComponent(person)}`;
      await http.call({ method: "DELETE", path, repeat: "visible", signal });
    },
    async deliveries(of, options = {}) {
      return ((await read(deliveriesPath(of), options)) as Page<DeliveryView>).items;
    },
    async changeDelivery(of, id, action, { signal } = {}) {
      const path = `${deliveriesPath(of)}/${encodeURIComponent(id)}`;
      await http.call({ method: "POST", path, body: { action }, repeat: "visible", signal });
    },
    async failedDeliveries(organization, range = {}) {
      const path = `${organizationPath(organization)}/failed-deliveries${pageQuery(range)}`;
      return (await read(path, range)) as Page<DeliveryFailure>;
    },
  };
}

function organizationPath(organization: string): string {
  return `/api/v1/orgs/${encodeURIComponent(organization)}`;
}

function accountPath({ organization, name }: AccountAddress): string {
  return `${organizationPath(organization)}/accounts/${encodeURIComponent(name)}`;
}

function deliveriesPath({ organization, agent, conversation }: ConversationAddress): string {
  const agents = `${organizationPath(organization)}/agents/${encodeURIComponent(agent)}`;
  return `${agents}/conversations/${encodeURIComponent(conversation)}/deliveries`;
}
