import type { ChatAddress, ChatSender } from "../../ports/channel.ts";

/** Stands for everybody, or for every group. */
export const anyone = "*";

/** What people and OpenClaw write before an id; it says what the id is, not who. */
const personPrefixes = ["user:", "uuid:", "mailto:", "id:"];
const groupPrefixes = ["group:", "channel:", "chat:"];
const channelAliases: Readonly<Record<string, readonly string[]>> = { telegram: ["tg"] };

/**
 * What an id of a person looks like. User names are free to choose, on some platforms digits alone too: an
 * entry that may be an id is never compared with a name, or anybody could take the name of an allowed id.
 */
const idShapes: Readonly<Record<string, RegExp>> = {
  telegram: /^[+-]?\d+$/,
  discord: /^\d+$/,
  whatsapp: /^\+?\d+$/,
  slack: /^[uwb][a-z0-9]{4,}$/i,
  signal: /^(\+?\d+|[0-9a-f]{8}-[0-9a-f-]{27})$/i,
};

/**
 * Whether a list of who may talk, or may not, names the sender: by id, by user name (`@ada`, or `ada` where
 * that cannot be an id), or by `*`. Written with or without the channel: `telegram:123`, `tg:123`, `123`.
 */
export function namesPerson(
  channel: string,
  entries: readonly string[] | undefined,
  sender: Pick<ChatSender, "id" | "username">,
): boolean {
  return (entries ?? []).some((entry) => isPerson(channel, entry.trim(), sender));
}

/**
 * Whether a list of groups names the chat, or the one that it hangs under: by id, by `guild:<id>` (all
 * channels of a Discord server), by `team:<id>` (all of a Slack workspace), or by `*`. Ids of groups are
 * compared exactly: some platforms tell capitals apart.
 */
export function namesGroup(
  channel: string,
  entries: readonly string[] | undefined,
  chat: Pick<ChatAddress, "id" | "parent" | "guild" | "team">,
): boolean {
  return (entries ?? []).some((entry) => isGroup(channel, entry.trim(), chat));
}

/** Two ids of one person on a channel. Web sites give their own ids, which may differ in capitals alone. */
export function isSameIdentity(channel: string, one: string, other: string): boolean {
  return channel === "web" ? one === other : one.toLowerCase() === other.toLowerCase();
}

/** An entry without the channel and the kind before it; undefined when it is of another channel. */
export function bareIdentity(channel: string, entry: string): string | undefined {
  return withoutPrefixes(channel, entry, personPrefixes);
}

function isPerson(
  channel: string,
  entry: string,
  { id, username }: Pick<ChatSender, "id" | "username">,
): boolean {
  if (entry === anyone) return true;
  const bare = bareIdentity(channel, entry);
  if (bare === undefined || bare === "") return false;
  if (isSameIdentity(channel, bare, id)) return true;
  if (bare.startsWith("@")) {
    const name = bare.slice(1);
    if (channel === "email") return hasDomain(id, name);
    return name !== "" && isSameName(name, username);
  }
  const shape = idShapes[channel];
  // A phone number is nobody's choice: Signal tells it beside the id of whoever shows it.
  const isPhone = channel === "signal" && /^\+\d+$/.test(bare);
  return shape !== undefined && (isPhone || !shape.test(bare)) && isSameName(bare, username);
}

function isSameName(name: string, username: string | undefined): boolean {
  if (username === undefined) return false;
  return name.toLowerCase() === username.replace(/^@/, "").toLowerCase();
}

function hasDomain(address: string, domain: string): boolean {
  return domain !== "" && address.toLowerCase().endsWith(`@${domain.toLowerCase()}`);
}

function isGroup(
  channel: string,
  entry: string,
  { id, parent, guild, team }: Pick<ChatAddress, "id" | "parent" | "guild" | "team">,
): boolean {
  if (entry === anyone) return true;
  const bare = withoutPrefixes(channel, entry, groupPrefixes);
  if (bare === undefined || bare === "") return false;
  if (bare === id || bare === parent) return true;
  const ofTeam = /^team:([^:]+)(?::channel:(.+))?$/.exec(bare);
  if (ofTeam) {
    const [, wanted, chat] = ofTeam;
    return wanted === team && (chat === undefined || chat === id || chat === parent);
  }
  return guild !== undefined && bare === `guild:${guild}`;
}

function withoutPrefixes(
  channel: string,
  entry: string,
  kinds: readonly string[],
): string | undefined {
  const lead = /^([a-z]+):/i.exec(entry)?.[1]?.toLowerCase() ?? "";
  const isOwn = lead === channel || (channelAliases[channel] ?? []).includes(lead);
  const rest = isOwn ? entry.slice(lead.length + 1) : entry;
  // The ids that a web site gives may begin with anything.
  if (channel === "web") return rest;
  if (!isOwn && otherChannels.has(lead)) return undefined;
  const kind = kinds.find((prefix) => rest.toLowerCase().startsWith(prefix));
  return kind === undefined ? rest : rest.slice(kind.length);
}

const otherChannels = new Set([
  "telegram",
  "tg",
  "slack",
  "discord",
  "whatsapp",
  "signal",
  "email",
  "imessage",
  "matrix",
  "msteams",
]);
