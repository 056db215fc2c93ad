import type { Channels } from "@holdfast/core";
import { WebAccount } from "../../../channels/src/web/index.ts";

type OpenedAccount = NonNullable<ReturnType<Channels["registry"]["get"]>>;

/** A declared account of the channel `web`. */
export interface ChatAccount {
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
  // Whatever the account says: visitors never share a conversation with anybody else.
  const account = { ...opened.account, scope: "per-account-channel-peer" as const };
  return { account, web: opened.use };
}
