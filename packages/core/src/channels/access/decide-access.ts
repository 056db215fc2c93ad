import type { InboundMessageEvent } from "../../ports/channel.ts";
import type { Account } from "../../resources.ts";
import { namesGroup, namesPerson } from "./identities.ts";

/** Why a message is not handled: counted, and shown to operators, never to people. */
export type IgnoreReason =
  | "blocked"
  | "bot"
  | "direct_disabled"
  | "not_allowed"
  | "groups_disabled"
  | "group_not_allowed"
  | "not_mentioned";

export type AccessDecision =
  | { readonly decision: "allow" }
  | { readonly decision: "ignore"; readonly what: IgnoreReason }
  /** The sender gets a code, which an operator approves. */
  | { readonly decision: "pair" };

type Asked = Pick<InboundMessageEvent, "chat" | "sender" | "mentionsAccount">;

/**
 * Whether a message reaches an agent. Who is blocked never does, nor do bots: two bots could answer each
 * other forever. `paired`: the sender was approved for this account; that opens direct chats alone.
 */
export function decideAccess(
  account: Pick<Account, "channel" | "access">,
  event: Asked,
  paired: boolean,
): AccessDecision {
  const { sender, chat } = event;
  if (namesPerson(account.channel, account.access?.block, sender)) return ignore("blocked");
  if (sender.isBot) return ignore("bot");
  return chat.kind === "direct" ? inDirect(account, event, paired) : inGroup(account, event);
}

function inDirect(
  { channel, access }: Pick<Account, "channel" | "access">,
  { sender }: Asked,
  paired: boolean,
): AccessDecision {
  const policy = access?.direct ?? "pairing";
  if (policy === "disabled") return ignore("direct_disabled");
  if (policy === "open" || namesPerson(channel, access?.allow, sender)) return allow;
  if (policy === "allowlist") return ignore("not_allowed");
  return paired ? allow : { decision: "pair" };
}

function inGroup(
  { channel, access }: Pick<Account, "channel" | "access">,
  { chat, sender, mentionsAccount }: Asked,
): AccessDecision {
  const policy = access?.groups ?? "allowlist";
  if (policy === "disabled") return ignore("groups_disabled");
  if (policy === "allowlist" && !namesGroup(channel, access?.groupAllow, chat)) {
    return ignore("group_not_allowed");
  }
  const senders = access?.groupSenders;
  if (senders !== undefined && !namesPerson(channel, senders, sender)) return ignore("not_allowed");
  return mentionsAccount || access?.requireMention === false ? allow : ignore("not_mentioned");
}

const allow: AccessDecision = { decision: "allow" };

function ignore(what: IgnoreReason): AccessDecision {
  return { decision: "ignore", what };
}
