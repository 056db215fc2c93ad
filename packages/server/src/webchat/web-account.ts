import type { Channels } from "@holdfast/core";
import { WebAccount } from "@holdfast/channels";

type OpenedAccount = NonNullable<ReturnType<Channels["registry"]["get"]>>;

/** A declared account of the channel `web`. */
export interface ChatAccount {
  /** As it is declared; the same object until that changes. */
  readonly declared: OpenedAccount["account"];
  /** The same, with a scope that keeps visitors apart. */
  readonly account: OpenedAccount["account"];
  readonly web: WebAccount;
}

/** Undefined when there is none of that name, or it is of another channel. */
export function chatAccount(
  { registry }: Channels,
  organization: string,
  name: string,
): ChatAccount | undefined {
  const opened = registry.get(organization, name);
  if (!(opened?.use instanceof WebAccount)) return undefined;
  const { account: declared, use: web } = opened;
  // Whatever the account says: visitors never share a conversation with anybody else.
  return { declared, account: { ...declared, scope: "per-account-channel-peer" }, web };
}
