import type { ChatAddress } from "../../ports/channel.ts";

/** Of a sender, what people are named by. */
interface Identified {
  readonly id: string;
  readonly username?: string | undefined;
}

/** Stands for everybody, or for every group. */
export const anyone = "*";

/** What people and OpenClaw write before an id; it says what the id is, not who. */
const personPrefixes = ["user:", "uuid:", "mailto:", "id:"];
const groupPrefixes = ["group:", "channel:", "chat:"];
const channelAliases: Readonly<Record<string, readonly string[]>> = { telegram: ["tg"] };

/** Where people are phone numbers, or have one beside their id. */
const phoneChannels: ReadonlySet<string> = new Set(["whatsapp", "signal"]);
/** A number as people write or copy it: `+1 (555) 01-00`, also with what cannot be seen in it. */
const phoneNumber = /^[+\s\p{Pd}\p{Cf}()./]*\d[+\d\s\p{Pd}\p{Cf}()./]*$/u;

/**
 * What an id of a person looks like, folded. User names are free to choose, on some platforms digits alone
 * too: an entry that may be an id is never compared with a name, or anybody could take the name of an
 * allowed id.
 */
const idShapes: Readonly<Record<string, RegExp>> = {
  telegram: /^[+-]?\d+$/,
  discord: /^\d+$/,
  whatsapp: /^\d+$/,
  slack: /^[uwb][a-z0-9]{4,}$/,
  signal: /^(\d+|[0-9a-f]{8}-[0-9a-f-]{27})$/,
};

/**
 * Whether a list of who may talk, or may not, names the sender: by id, by user name (`@ada`, or `ada` where
 * that cannot be an id), or by `*`. Written with or without the channel: `telegram:123`, `tg:123`, `123`.
 */
export function namesPerson(
  channel: string,
  entries: readonly string[] | undefined,
  sender: Identified,
): boolean {
  const ids = idsOf(channel, sender);
  return (entries ?? []).some((entry) => isPerson(channel, entry, ids, sender));
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

/**
 * The one form in which ids of people are compared, as they are written in other ways than their platform
 * does: capitals, phone numbers with a plus and spaces. Web sites give their own ids, which may differ in
 * capitals alone.
 */
export function foldedId(channel: string, id: string): string {
  if (channel === "web") return id;
  const isPhone = phoneChannels.has(channel) && phoneNumber.test(id);
  return isPhone ? id.replace(/\D/g, "") : id.toLowerCase();
}

/**
 * A person's ids, folded: the platform's own, and on Signal the phone number that it tells beside it of
 * whoever shows it. That one is nobody's choice, as a user name is.
 */
export function idsOf(channel: string, { id, username }: Identified): readonly string[] {
  const number = channel === "signal" && username?.startsWith("+") ? [username] : [];
  return [id, ...number].map((one) => foldedId(channel, one));
}

/** The folded id that somebody wrote, with or without the channel; undefined when it is of another channel. */
export function writtenId(channel: string, written: string): string | undefined {
  // The ids that a web site gives may begin and end with anything.
  if (channel === "web") return written === "" ? undefined : written;
  const bare = withoutPrefixes(channel, written.trim(), personPrefixes);
  return bare === undefined || bare === "" ? undefined : foldedId(channel, bare);
}

function isPerson(
  channel: string,
  entry: string,
  ids: readonly string[],
  { id, username }: Identified,
): boolean {
  if (entry.trim() === anyone) return true;
  const written = writtenId(channel, entry);
  if (written === undefined) return false;
  if (ids.includes(written)) return true;
  if (written.startsWith("@")) {
    const name = written.slice(1);
    if (channel === "email") return hasDomain(id, name);
    return name !== "" && isSameName(name, username);
  }
  const shape = idShapes[channel];
  return shape !== undefined && !shape.test(written) && isSameName(written, username);
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
  const rest = isOwn ? entry.slice(lead.length + 1).trim() : entry;
  if (!isOwn && otherChannels.has(lead)) return undefined;
  const kind = kinds.find((prefix) => rest.toLowerCase().startsWith(prefix));
  return kind === undefined ? rest : rest.slice(kind.length).trim();
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
