import type { AccountAccess } from "@holdfast/core";
import type { AccessContext } from "./access-context.ts";
import { groupId, peopleOf } from "./channel-ids.ts";
import type { ChannelLayers } from "./channel-layers.ts";
import { type Place, readPlaces, unnamedPlace } from "./group-places.ts";

const groupPolicies = ["allowlist", "open", "disabled"] as const;
type GroupPolicy = (typeof groupPolicies)[number];

/** In which groups an account answers, and whom: the widest rules that let in nobody whom OpenClaw keeps out. */
export function readGroups(
  layers: ChannelLayers,
  context: AccessContext,
  direct: readonly string[],
): AccountAccess {
  const policy = readPolicy(layers, context);
  const senders = readSenders(layers, context, policy, direct);
  const { places, named: mentioned } = readPlaces(layers, context, policy === "open");
  if (policy === "disabled") {
    for (const place of mentioned) place.leave("groupPolicy is disabled");
    return { groups: "disabled" };
  }
  const all = [
    ...places,
    ...senders.places.map((id) => unnamedPlace(id, mentionOf(id, mentioned))),
  ];
  const rest = all.find(({ id }) => id === "*");
  const named = all.filter(({ id }) => id !== "*");
  const chosen = chooseSenders(senders.ids, all, layers, context);
  const fitting = named.filter((place) => isKept(place, chosen));
  // A whole guild would open those of its channels, too, that are left out.
  const kept = fitting.filter(({ id }) =>
    named.every((place) => place.within !== id || fitting.includes(place)),
  );
  for (const place of named) {
    if (!kept.includes(place))
      place.leave(place.closed ?? "it would be open to other people than it is there");
  }
  const isOpen = rest !== undefined && isKept(rest, chosen) && kept.length === named.length;
  if (rest && !isOpen)
    rest.leave(rest.closed ?? "rules of single groups cannot be kept beside it: name the groups");
  const answering = isOpen ? [rest, ...kept] : kept;
  for (const place of answering) place.keep();
  if (isOpen && context.channel === "slack") {
    const reason =
      "messages to several people are groups here, and answered, too: list channels to keep them out";
    layers.shared.leaveWhole(`group messages of ${context.subject}`, reason);
  }
  for (const place of mentioned) {
    if (!all.includes(place)) place.leave("groupAllowFrom says which groups are answered");
  }
  return {
    groups: isOpen ? "open" : "allowlist",
    ...(!isOpen && kept.length > 0 && { groupAllow: [...new Set(kept.map(({ id }) => id))] }),
    ...(chosen && { groupSenders: [...chosen] }),
    ...readMention(answering, context),
  };
}

/** A group that Signal's settings name is answered unasked, unless they say otherwise. */
function mentionOf(id: string, mentioned: readonly Place[]): boolean | undefined {
  const own = mentioned.find((place) => place.id === id);
  if (own && id !== "*") return own.requireMention ?? false;
  // All groups at once: one that has to mention the account is among them.
  const isNeeded = id === "*" && mentioned.some(({ requireMention }) => requireMention === true);
  return isNeeded || mentioned.find((place) => place.id === "*")?.requireMention;
}

function isKept({ closed, senders }: Place, chosen: readonly string[] | undefined): boolean {
  return closed === undefined && (senders === undefined || isSame(senders, chosen));
}

function isSame(one: readonly string[], other: readonly string[] | undefined): boolean {
  return other !== undefined && one.toSorted().join() === other.toSorted().join();
}

/** The account's senders, or those that its only restricted groups agree about. */
function chooseSenders(
  ofAccount: readonly string[] | undefined,
  places: readonly Place[],
  layers: ChannelLayers,
  { subject }: AccessContext,
): readonly string[] | undefined {
  if (ofAccount !== undefined && !ofAccount.includes("*")) return ofAccount;
  const open = places.filter(({ closed }) => closed === undefined);
  const [first] = open;
  const isOne =
    first?.senders !== undefined &&
    open.every(({ senders = [] }) => isSame(senders, first.senders));
  if (!isOne) return undefined;
  layers
    .holder("groupPolicy")
    .takeWhole(`people of ${subject} in groups`, first.senders.join(", ") || "nobody");
  return first.senders;
}

function readPolicy(layers: ChannelLayers, { subject, defaults }: AccessContext): GroupPolicy {
  const holder = layers.has("groupPolicy") ? layers.holder("groupPolicy") : defaults;
  const written = holder?.string("groupPolicy");
  if (holder === undefined || written === undefined) return "allowlist";
  const policy = groupPolicies.find((known) => known === written);
  if (policy === undefined) holder.wrong("groupPolicy", groupPolicies.join(", "), "another word");
  else holder.take("groupPolicy", `groups of ${subject}`, policy);
  return policy ?? "disabled";
}

/** Telegram and Signal list senders for all groups; in Signal's list groups may stand, too. */
function readSenders(
  layers: ChannelLayers,
  { channel, subject, accessGroups }: AccessContext,
  policy: GroupPolicy,
  direct: readonly string[],
): { ids: readonly string[] | undefined; places: readonly string[] } {
  if (channel !== "telegram" && channel !== "signal") return { ids: undefined, places: [] };
  const key = "groupAllowFrom";
  const written = layers.ids(key);
  if (policy !== "allowlist") {
    if (written)
      layers.leave(
        key,
        `people of ${subject} in groups`,
        `groupPolicy is ${policy}: it has no effect`,
      );
    return { ids: undefined, places: [] };
  }
  const list = written && peopleOf(channel, written, accessGroups);
  const what = `people of ${subject} in groups`;
  const named = list?.dropped ?? [];
  const isGroups = channel === "signal" && named.length > 0;
  if (written) {
    const taken = isGroups ? "groups" : (list?.ids ?? []).join(", ");
    layers.take(key, what, taken === "" ? "nobody" : taken);
  }
  if (named.length > 0 && !isGroups) layers.leave(key, what, `no ids: ${named.join(", ")}`);
  if (!isGroups) {
    const ids = list?.ids ?? direct;
    // On Signal this list opens all groups to these people; on Telegram the groups are listed beside it.
    return { ids, places: channel === "signal" ? ["*"] : [] };
  }
  const people = (list?.ids ?? []).filter((id) => id !== "*");
  if (people.length > 0) {
    layers.leave(
      key,
      what,
      `${people.join(", ")}: groups and people in one list cannot be kept, the groups are`,
    );
  }
  return { ids: undefined, places: named.map((entry) => groupId(channel, entry)) };
}

/** Groups differ there, an account does not here: unless all answer unasked, none does. */
function readMention(places: readonly Place[], { subject }: AccessContext): AccountAccess {
  const unasked = places.filter(({ requireMention }) => requireMention === false);
  if (places.length > 0 && unasked.length === places.length) return { requireMention: false };
  for (const place of unasked) {
    place.leave(`${subject} has to be mentioned there, as in its other groups`, "requireMention");
  }
  return {};
}
