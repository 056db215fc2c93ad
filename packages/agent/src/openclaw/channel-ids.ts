import { isObject, type Section } from "./section.ts";

/** The channels that accounts are imported of. */
export const importedChannels = ["telegram", "slack", "discord", "signal"] as const;
export type ImportedChannel = (typeof importedChannels)[number];

const people: Readonly<Record<ImportedChannel, RegExp>> = {
  telegram: /^\d+$/,
  slack: /^[UW][A-Z0-9]+$/i,
  discord: /^\d+$/,
  signal: /^(\+?\d+|[0-9a-f]{8}-[0-9a-f-]{27})$/i,
};

export function isImportedChannel(channel: string): channel is ImportedChannel {
  return importedChannels.some((known) => known === channel);
}

/**
 * An id of a person without what OpenClaw writes before it. Undefined for a name: names can change hands, and
 * OpenClaw does not let them in either unless it is told to.
 */
export function personId(channel: ImportedChannel, written: string): string | undefined {
  const bare = bareId(channel, written).replace(/^(user|uuid|id):/i, "");
  return people[channel].test(bare) ? bare : undefined;
}

/** An id of a chat without the channel and the kind before it. */
export function groupId(channel: ImportedChannel, written: string): string {
  return bareId(channel, written).replace(/^(group|channel):/i, "");
}

function bareId(channel: ImportedChannel, written: string): string {
  const text = written.trim();
  const own = channel === "telegram" ? /^(telegram|tg):/i : new RegExp(`^${channel}:`, "i");
  return text.replace(own, "");
}

export interface PeopleList {
  /** Ids, and `*` for everybody. */
  readonly ids: readonly string[];
  /** What is no id here. */
  readonly dropped: readonly string[];
}

/** Resolves groups of people and leaves out what is no id. */
export function peopleOf(
  channel: ImportedChannel,
  written: readonly string[],
  accessGroups: Section | undefined,
): PeopleList {
  const ids = new Set<string>();
  const dropped: string[] = [];
  for (const entry of written.flatMap((one) => membersOf(channel, one, accessGroups))) {
    const id = entry === "*" ? entry : personId(channel, entry);
    if (id === undefined) dropped.push(entry);
    else ids.add(id);
  }
  return { ids: [...ids], dropped };
}

/** The members of `accessGroup:<name>` on this channel; the entry itself when it is no such group. */
function membersOf(
  channel: ImportedChannel,
  entry: string,
  accessGroups: Section | undefined,
): readonly string[] {
  const name = /^accessGroup:(.+)$/.exec(entry)?.[1];
  if (name === undefined) return [entry];
  const group = accessGroups?.any(name);
  if (!isObject(group) || group["type"] !== "message.senders") return [entry];
  const members = group["members"];
  if (!isObject(members)) return [entry];
  accessGroups?.take(name, `people ${name}`, "in the lists of accounts that name it");
  const listed = ["*", channel].flatMap((key) => members[key] ?? []);
  // A group in a group, and everybody in one, would say more than its name does.
  return listed.flatMap((one) =>
    typeof one === "string" || typeof one === "number" ? [String(one)] : [],
  );
}
