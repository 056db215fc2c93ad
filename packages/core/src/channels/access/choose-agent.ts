import type { ChatAddress, ChatSender } from "../../ports/channel.ts";
import type { Account, AccountBinding } from "../../resources.ts";
import { anyone, foldedId, idsOf, writtenId } from "./identities.ts";

/** What a binding looks at. */
export interface Addressed {
  readonly chat: ChatAddress;
  readonly sender: Pick<ChatSender, "id" | "username" | "roles">;
}

type BoundAccount = Pick<Account, "channel" | "agent" | "bindings">;
type Tier = (binding: AccountBinding) => boolean;

/**
 * The agent that takes a message: that of the first binding of the narrowest kind that fits, in the order
 * of OpenClaw: this chat, the chat that it hangs under, all chats of its kind, guild with roles, guild,
 * team, this account, any account; then the account's own agent, then the only one of the organization.
 * Whatever a binding names must fit. Undefined: nobody takes it, and it is refused.
 */
export function chooseAgent(
  account: BoundAccount,
  event: Addressed,
  onlyAgent?: string,
): string | undefined {
  const fitting = (account.bindings ?? []).filter((binding) => fitsPlace(binding, event));
  const first = (tier: Tier) => fitting.find(tier)?.agent;
  const { chat } = event;
  const isChat =
    (id: string): Tier =>
    ({ peer }) =>
      peer !== undefined && peer.id !== anyone && isPeer(account.channel, peer, chat, id);
  for (const id of namesOf(account.channel, event)) {
    const agent = first(
      (binding) => isChat(id)(binding) && hasParent(account.channel, binding, chat),
    );
    if (agent !== undefined) return agent;
  }
  return (
    first((binding) => isUnder(account.channel, binding, chat)) ??
    first(({ peer, parentPeer }) => peer?.id === anyone && isKind(peer, chat) && !parentPeer) ??
    first((binding) => isWide(binding) && binding.guild !== undefined && hasRoles(binding)) ??
    first((binding) => isWide(binding) && binding.guild !== undefined) ??
    first((binding) => isWide(binding) && binding.team !== undefined) ??
    first((binding) => isWide(binding) && binding.anyAccount === undefined) ??
    first(isWide) ??
    account.agent ??
    onlyAgent
  );
}

type Peer = NonNullable<AccountBinding["peer"]>;

/** The chat's names from narrow to wide: a topic of a group has one of its own. */
function namesOf(channel: string, { chat, sender }: Addressed): readonly string[] {
  const whole = chat.kind === "direct" ? [...idsOf(channel, sender), chat.id] : [chat.id];
  if (chat.thread === undefined) return whole;
  return [`${chat.id}:topic:${chat.thread}`, `${chat.id}:thread:${chat.thread}`, ...whole];
}

function isPeer(channel: string, peer: Peer, chat: ChatAddress, id: string): boolean {
  if (!isKind(peer, chat)) return false;
  if (chat.kind !== "direct") return peer.id === id;
  return writtenId(channel, peer.id) === foldedId(channel, id);
}

/** Platforms disagree about what is a group and what a channel. */
function isKind(peer: Peer, chat: ChatAddress): boolean {
  return peer.kind === undefined || (peer.kind === "direct") === (chat.kind === "direct");
}

/** The chat that this one hangs under is named, as `parentPeer` or, as OpenClaw writes it, as `peer`. */
function isUnder(channel: string, binding: AccountBinding, chat: ChatAddress): boolean {
  const { peer, parentPeer } = binding;
  if (parentPeer !== undefined) {
    if (peer !== undefined && peer.id !== anyone) return false;
    return (peer === undefined || isKind(peer, chat)) && hasParent(channel, binding, chat);
  }
  if (chat.parent === undefined || peer === undefined || peer.id === anyone) return false;
  return isKind(peer, chat) && peer.id === chat.parent;
}

function hasParent(channel: string, { parentPeer }: AccountBinding, chat: ChatAddress): boolean {
  if (parentPeer === undefined) return true;
  if (chat.parent === undefined || !isKind(parentPeer, chat)) return false;
  return parentPeer.id === anyone || isPeer(channel, parentPeer, chat, chat.parent);
}

/** Names no chat. */
function isWide({ peer, parentPeer }: AccountBinding): boolean {
  return peer === undefined && parentPeer === undefined;
}

function hasRoles({ roles }: AccountBinding): boolean {
  return (roles?.length ?? 0) > 0;
}

/** Guild, team and roles are conditions, whatever else the binding names. */
function fitsPlace({ guild, team, roles }: AccountBinding, { chat, sender }: Addressed): boolean {
  if (guild !== undefined && guild !== chat.guild) return false;
  if (team !== undefined && team !== chat.team) return false;
  if (roles === undefined || roles.length === 0) return true;
  return roles.some((role) => sender.roles?.includes(role));
}
