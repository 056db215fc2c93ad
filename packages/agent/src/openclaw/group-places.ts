import type { AccessContext } from "./access-context.ts";
import { groupId, peopleOf } from "./channel-ids.ts";
import { type ChannelLayers, idsOf } from "./channel-layers.ts";
import type { Section } from "./section.ts";

/** A group with rules of its own; `*` stands for all others. */
export interface Place {
  readonly id: string;
  /** The guild that a channel is of, as its own place would be called. */
  readonly within?: string;
  /** Whether only what names the account is answered; undefined where nothing is said. */
  readonly requireMention: boolean | undefined;
  /** Only these people; everybody who may write to the account's groups when undefined. */
  readonly senders: readonly string[] | undefined;
  /** Why the account does not answer there. */
  readonly closed: string | undefined;
  leave(reason: string, key?: string): void;
  keep(): void;
}

/** What the channel's policy says of groups, without naming them. */
export function unnamedPlace(id: string, requireMention?: boolean): Place {
  const nothing = () => undefined;
  return {
    id,
    requireMention,
    senders: undefined,
    closed: undefined,
    leave: nothing,
    keep: nothing,
  };
}

export interface Places {
  /** The groups that are answered, and those that are not although they are named. */
  readonly places: readonly Place[];
  /** All that the settings name: on Signal they say nothing of who is answered. */
  readonly named: readonly Place[];
}

/** The groups that an account's settings name. `isOpen`: the others are answered, too. */
export function readPlaces(layers: ChannelLayers, context: AccessContext, isOpen: boolean): Places {
  const { channel } = context;
  if (channel === "discord") {
    const places = readGuilds(layers, context, isOpen);
    return { places, named: places };
  }
  const key = channel === "slack" ? "channels" : "groups";
  const section = layers.section(key);
  const groups = eachGroup(section, context, (id) => groupId(channel, id));
  // A list of Telegram's groups closes all others, whatever the policy is.
  const isListed = channel === "telegram" && section !== undefined;
  const fallback = channel === "slack" ? layers.boolean("requireMention") : undefined;
  if (fallback !== undefined) {
    layers.take(
      "requireMention",
      `mentions of ${context.subject}`,
      fallback ? "needed" : "not needed",
    );
  }
  const known = withDefault(groups, fallback);
  // What is said of groups on Signal opens none: only what is said of people does.
  const isSilent = channel === "signal" && !isOpen;
  if (isSilent) return { places: [], named: groups };
  const places = [...known, ...others(known, isOpen && !isListed, fallback)];
  return { places, named: known };
}

/** What is said of `*` holds for every group that says nothing itself. */
function withDefault(places: readonly Place[], otherwise: boolean | undefined): Place[] {
  const ofAll = places.find(({ id }) => id === "*")?.requireMention ?? otherwise;
  return places.map((place) => ({
    ...place,
    requireMention: place.requireMention ?? ofAll,
  }));
}

function others(
  places: readonly Place[],
  isOpen: boolean,
  requireMention: boolean | undefined,
): Place[] {
  if (!isOpen || places.some(({ id }) => id === "*")) return [];
  return [unnamedPlace("*", requireMention)];
}

function readGuilds(
  layers: ChannelLayers,
  context: AccessContext,
  isOpen: boolean,
): readonly Place[] {
  const guilds = layers.section("guilds");
  const places: Place[] = [];
  for (const id of guilds?.keys() ?? []) {
    const guild = guilds?.section(id);
    if (!guild) continue;
    const whole = readGroup(guild, id === "*" ? "*" : `guild:${id}`, `guild ${id}`, context, [
      "channels",
    ]);
    const channels = guild.section("channels");
    const isNamed = id === "*" || /^\d+$/.test(id);
    if (!isNamed) places.push({ ...whole, closed: "expected the guild's id, not its name" });
    else if (!channels) places.push(whole);
    else if (id === "*")
      places.push({ ...whole, closed: "channels of any guild cannot be named: name the guilds" });
    else {
      // It keeps the guild's other channels closed, whatever is open beside it.
      if (!channels.has("*"))
        places.push({ ...whole, closed: "only its listed channels are answered" });
      const listed = withDefault(
        eachGroup(channels, context, (channel) => channel),
        undefined,
      );
      places.push(
        ...listed.map((place) => ({
          ...place,
          ...(place.id === "*" ? { id: `guild:${id}` } : { within: `guild:${id}` }),
          requireMention: place.requireMention ?? whole.requireMention,
          senders: place.senders ?? whole.senders,
          closed: closedChannel(place.id) ?? whole.closed ?? place.closed,
        })),
      );
    }
  }
  return [...withDefault(places, undefined), ...others(places, isOpen, undefined)];
}

function closedChannel(id: string): string | undefined {
  return id === "*" || /^\d+$/.test(id) ? undefined : "expected the channel's id, not its name";
}

function eachGroup(
  section: Section | undefined,
  context: AccessContext,
  idOf: (key: string) => string,
): Place[] {
  return (section?.keys() ?? []).flatMap((key) => {
    const group = section?.section(key);
    if (!group) return [];
    const id = idOf(key);
    const place = readGroup(group, id, `group ${key}`, context, []);
    const isName =
      context.channel === "slack" && !/^(\*|[CGD][A-Z0-9]+|team:[^:]+:channel:.+)$/i.test(id);
    return isName ? [{ ...place, closed: "expected the channel's id, not its name" }] : [place];
  });
}

/** Keys that would keep people out: a group with one of them is not answered, rather than answered to more. */
const narrowing: Readonly<Record<string, string>> = {
  roles: "people cannot be chosen by role",
  groupPolicy: "a group has no policy of its own",
};

function readGroup(
  group: Section,
  id: string,
  name: string,
  context: AccessContext,
  later: readonly string[],
): Place {
  const subject = `${name} of ${context.subject}`;
  const requireMention = group.boolean("requireMention");
  const enabled = group.boolean("enabled");
  const key = group.has("users") ? "users" : "allowFrom";
  const written = idsOf(group, key);
  const people = written && peopleOf(context.channel, written, context.accessGroups);
  const policy = group.string("groupPolicy");
  const isNarrowed = group.has("roles") || policy === "disabled" || policy === "allowlist";
  const isTopicNarrowed = (group.section("topics")?.keys() ?? []).some((topic) =>
    isNarrow(group, topic),
  );
  const closed =
    enabled === false
      ? "it is switched off"
      : group.has("roles") && !written
        ? narrowing["roles"]
        : isNarrowed && !group.has("roles")
          ? narrowing["groupPolicy"]
          : isTopicNarrowed
            ? "topics have no rules of their own"
            : undefined;
  if (requireMention !== undefined) {
    group.take(
      "requireMention",
      subject,
      requireMention ? "mentions are needed" : "as far as the others agree",
    );
  }
  if (enabled === true) group.take("enabled", subject, "switched on");
  if (people) {
    group.take(key, subject, people.ids.length > 0 ? `only ${people.ids.join(", ")}` : "nobody");
    if (people.dropped.length > 0)
      group.leave(key, subject, `no ids: ${people.dropped.join(", ")}`);
  }
  for (const known of later) group.any(known);
  if (group.has("topics")) group.leave("topics", subject, "topics have no rules of their own");
  group.rest(subject, (unread) => narrowing[unread] ?? "it has no counterpart here");
  return {
    id,
    requireMention,
    senders: people && (people.ids.includes("*") ? undefined : people.ids),
    closed,
    leave: (reason, key) =>
      key === undefined ? group.leaveWhole(subject, reason) : group.leave(key, subject, reason),
    keep: () => group.takeWhole(subject, "it is answered there"),
  };
}

function isNarrow(group: Section, topic: string): boolean {
  const section = group.section("topics")?.section(topic);
  return (
    section !== undefined && ["enabled", "allowFrom", "groupPolicy"].some((key) => section.has(key))
  );
}
