import type { AccountAccess } from "@holdfast/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ImportNotes } from "../workspace/notes.ts";
import { readAccess } from "./account-access.ts";
import type { ImportedChannel } from "./channel-ids.ts";
import { ChannelLayers } from "./channel-layers.ts";
import { type JsonObject, Section } from "./section.ts";

/**
 * OpenClaw's documented rules, written down a second time, against what an import makes of them: whoever is
 * answered after it was answered before.
 */
interface Rules {
  readonly dmPolicy?: string;
  readonly allowFrom?: readonly string[];
  readonly groupPolicy?: string;
  readonly groupAllowFrom?: readonly string[];
  readonly groups?: Readonly<Record<string, GroupRules>>;
}
interface GroupRules {
  readonly enabled?: boolean;
  readonly requireMention?: boolean;
  readonly groupPolicy?: string;
  readonly allowFrom?: readonly string[];
  readonly users?: readonly string[];
  readonly channels?: Readonly<Record<string, GroupRules>>;
}
interface Asked {
  readonly sender: string;
  readonly guild: string;
  readonly group: string;
  readonly mentioned: boolean;
}

const people = fc.uniqueArray(fc.constantFrom("7", "8", "*"), { maxLength: 2 });
const optional = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { requiredKeys: [] });
const policies = {
  dmPolicy: fc.constantFrom("pairing", "allowlist", "open", "disabled"),
  allowFrom: people,
  groupPolicy: fc.constantFrom("allowlist", "open", "disabled"),
};
const flags = { enabled: fc.boolean(), requireMention: fc.boolean() };
const asked = fc
  .record({
    sender: fc.constantFrom("7", "8", "9"),
    guild: fc.constantFrom("11", "12"),
    number: fc.constantFrom("21", "22", "23"),
    mentioned: fc.boolean(),
  })
  .map(({ number, ...rest }) => ({ ...rest, group: `${rest.guild}${number}` }));

function imported(channel: ImportedChannel, settings: unknown): AccountAccess {
  const findings = { notes: new ImportNotes(), errors: [] };
  const section = new Section(settings as JsonObject, "channels.x", findings);
  const context = { channel, subject: "account", accessGroups: undefined, defaults: undefined };
  const access = readAccess(new ChannelLayers(section, section), context);
  expect(findings.errors).toEqual([]);
  return access;
}

const lists = (entries: readonly string[] | undefined, ...ids: string[]) =>
  (entries ?? []).some((entry) => entry === "*" || ids.includes(entry));

/** What a group's message meets here, as docs/channels-access.md says. */
function isAnswered(access: AccountAccess, { sender, guild, group, mentioned }: Asked): boolean {
  if (access.groups === "disabled") return false;
  if (access.groups !== "open" && !lists(access.groupAllow, group, `guild:${guild}`)) return false;
  if (access.groupSenders && !lists(access.groupSenders, sender)) return false;
  return mentioned || access.requireMention === false;
}

function isDirectAnswered({ direct, allow }: AccountAccess, sender: string): boolean {
  if (direct === "disabled") return false;
  return direct === "open" || lists(allow, sender);
}

function wasDirectAnswered({ dmPolicy = "pairing", allowFrom }: Rules, sender: string): boolean {
  return dmPolicy !== "disabled" && lists(allowFrom, sender);
}

/** Runs both. Returns how often somebody was answered, without which nothing would be compared. */
function compare(
  channel: ImportedChannel,
  rules: fc.Arbitrary<Rules>,
  was: (rules: Rules, asked: Asked) => boolean,
): number {
  let answered = 0;
  const property = fc.property(rules, asked, (given, one) => {
    const access = imported(channel, given);
    const isNow = isAnswered(access, one);
    answered += isNow ? 1 : 0;
    if (isNow) expect(was(given, one)).toBe(true);
    if (channel !== "slack" && channel !== "discord") {
      expect(isDirectAnswered(access, one.sender)).toBe(wasDirectAnswered(given, one.sender));
    }
  });
  fc.assert(property, { numRuns: 3_000 });
  return answered;
}

test("of Telegram's groups", () => {
  const group = optional({
    ...flags,
    groupPolicy: policies.groupPolicy,
    allowFrom: people,
  });
  const groups = fc.dictionary(fc.constantFrom("1121", "1221", "*"), group, { maxKeys: 3 });
  const rules = optional({ ...policies, groupAllowFrom: people, groups }) as fc.Arbitrary<Rules>;
  const answered = compare("telegram", rules, (given, { sender, group: id, mentioned }) => {
    const { groupPolicy = "allowlist", groupAllowFrom, allowFrom, groups: listed } = given;
    if (groupPolicy === "disabled") return false;
    const entry = listed?.[id] ?? listed?.["*"];
    if (listed ? !entry || entry.enabled === false : groupPolicy !== "open") return false;
    const policy = entry?.groupPolicy ?? groupPolicy;
    if (policy === "disabled") return false;
    const open = policy === "open" ? ["*"] : (groupAllowFrom ?? allowFrom);
    if (!lists(entry?.allowFrom ?? open, sender)) return false;
    const needed = entry?.requireMention ?? listed?.["*"]?.requireMention ?? true;
    return mentioned || !needed;
  });
  expect(answered).toBeGreaterThan(30);
});

test("of Discord's guilds", () => {
  const members = fc.uniqueArray(fc.constantFrom("7", "8"), { minLength: 1, maxLength: 2 });
  const channel = optional({ ...flags, users: members });
  // A channel's id stands in one guild only.
  const guildOf = (...ids: string[]) => {
    const channels = fc.dictionary(fc.constantFrom("*", ...ids), channel, { maxKeys: 3 });
    return optional({ requireMention: fc.boolean(), users: members, channels });
  };
  const guilds = optional({
    11: guildOf("1121", "1122"),
    12: guildOf("1221", "1222"),
    "*": guildOf("1121", "1221"),
  });
  const rules = optional({ ...policies, guilds }) as unknown as fc.Arbitrary<Rules>;
  const answered = compare(
    "discord",
    rules,
    (given, { sender, guild: guildId, group: id, mentioned }) => {
      const { groupPolicy = "allowlist" } = given;
      const known = (given as { guilds?: Record<string, GroupRules> }).guilds;
      if (groupPolicy === "disabled") return false;
      const place = known?.[guildId] ?? known?.["*"];
      if (!place) return groupPolicy === "open" && mentioned;
      const inside = place.channels?.[id] ?? place.channels?.["*"];
      if (place.channels && (!inside || inside.enabled === false)) return false;
      const users = inside?.users ?? place.users;
      if (users && !lists(users, sender)) return false;
      const needed =
        inside?.requireMention ??
        place.channels?.["*"]?.requireMention ??
        place.requireMention ??
        known?.["*"]?.requireMention ??
        true;
      return mentioned || !needed;
    },
  );
  expect(answered).toBeGreaterThan(30);
});

test("of Signal's lists", () => {
  const mention = optional({ requireMention: fc.boolean() });
  const groups = fc.dictionary(fc.constantFrom("group-a", "group-b", "*"), mention, { maxKeys: 2 });
  const list = fc.uniqueArray(fc.constantFrom("7", "8", "*", "group:group-a"), { maxLength: 3 });
  const rules = optional({ ...policies, groupAllowFrom: list, groups }) as fc.Arbitrary<Rules>;
  const named = fc.constantFrom("group-a", "group-b");
  let answered = 0;
  const property = fc.property(rules, asked, named, (given, one, group) => {
    const { groupPolicy = "allowlist", groupAllowFrom, allowFrom, groups: known } = given;
    const isNow = isAnswered(imported("signal", given), { ...one, group });
    if (!isNow) return;
    answered += 1;
    const allowed = groupAllowFrom ?? allowFrom;
    expect(groupPolicy).not.toBe("disabled");
    if (groupPolicy === "allowlist")
      expect(lists(allowed, one.sender, `group:${group}`)).toBe(true);
    const own = known?.[group];
    const needed = own ? (own.requireMention ?? false) : (known?.["*"]?.requireMention ?? true);
    expect(one.mentioned || !needed).toBe(true);
  });
  fc.assert(property, { numRuns: 3_000 });
  expect(answered).toBeGreaterThan(30);
});

test("of Slack's channels", () => {
  const channel = optional({ ...flags, users: fc.constantFrom(["U7"], ["U8"]) });
  const channels = fc.dictionary(fc.constantFrom("C21", "C22"), channel, { maxKeys: 2 });
  const rules = optional({
    groupPolicy: policies.groupPolicy,
    requireMention: fc.boolean(),
    channels,
  });
  const who = fc.record({
    sender: fc.constantFrom("U7", "U8"),
    group: fc.constantFrom("C21", "C22", "C23"),
    mentioned: fc.boolean(),
  });
  let answered = 0;
  const property = fc.property(rules, who, (given, one) => {
    const isNow = isAnswered(imported("slack", given), { ...one, guild: "" });
    if (!isNow) return;
    answered += 1;
    const entry = (given.channels as Record<string, GroupRules> | undefined)?.[one.group];
    const { groupPolicy = "allowlist" } = given;
    expect(groupPolicy).not.toBe("disabled");
    if (groupPolicy === "allowlist") expect(entry).toBeDefined();
    expect(entry?.enabled).not.toBe(false);
    if (entry?.users) expect(lists(entry.users, one.sender)).toBe(true);
    expect(one.mentioned || !(entry?.requireMention ?? given.requireMention ?? true)).toBe(true);
  });
  fc.assert(property, { numRuns: 3_000 });
  expect(answered).toBeGreaterThan(30);
});
