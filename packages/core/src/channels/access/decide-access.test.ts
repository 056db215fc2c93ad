import fc from "fast-check";
import { expect, test } from "vitest";
import type { AccountAccess } from "../../resources.ts";
import { decideAccess } from "./decide-access.ts";
import { message } from "./testing/events.ts";

const direct = message({ sender: { username: "Ada_L" } });
const bot = message({ sender: { isBot: true } });
const group = message({ chat: { kind: "group", id: "-100" }, mentionsAccount: true });
const quiet = message({ chat: { kind: "group", id: "-100" } });

function decided(
  access: AccountAccess | undefined,
  event = direct,
  paired = false,
  channel = "telegram",
): string {
  const result = decideAccess({ channel, ...(access && { access }) }, event, paired);
  return result.decision === "ignore" ? result.what : result.decision;
}

test.each<[string, AccountAccess | undefined, typeof direct, boolean, string]>([
  ["strangers are paired where nothing is said", undefined, direct, false, "pair"],
  ["who is paired is let in", undefined, direct, true, "allow"],
  ["who is listed needs no pairing", { allow: ["7"] }, direct, false, "allow"],
  ["the channel's name may stand before", { allow: ["telegram:7"] }, direct, false, "allow"],
  ["so may its short one, in capitals", { allow: ["TG:7"] }, direct, false, "allow"],
  ["another channel's entry is not meant", { allow: ["slack:7"] }, direct, false, "pair"],
  ["user names in any case", { allow: ["@ada_l"] }, direct, false, "allow"],
  ["user names without the sign", { allow: ["ADA_L"] }, direct, false, "allow"],
  ["everybody", { direct: "allowlist", allow: ["*"] }, direct, false, "allow"],
  ["an allowlist asks nobody", { direct: "allowlist", allow: ["8"] }, direct, false, "not_allowed"],
  ["nor does pairing open it", { direct: "allowlist", allow: ["8"] }, direct, true, "not_allowed"],
  ["an empty allowlist lets nobody in", { direct: "allowlist" }, direct, false, "not_allowed"],
  ["open is open", { direct: "open" }, direct, false, "allow"],
  [
    "disabled is closed to all",
    { direct: "disabled", allow: ["*"] },
    direct,
    true,
    "direct_disabled",
  ],
  ["the blocklist wins over open", { direct: "open", block: ["7"] }, direct, true, "blocked"],
  ["and over a list and a pairing", { allow: ["7"], block: ["@ada_l"] }, direct, true, "blocked"],
  ["bots never", { direct: "open", allow: ["7"] }, bot, true, "bot"],
  ["groups are closed where nothing is said", undefined, group, true, "group_not_allowed"],
  ["a listed group is open", { groupAllow: ["-100"] }, group, false, "allow"],
  ["so is one with its kind before", { groupAllow: ["group:-100"] }, group, false, "allow"],
  ["all groups", { groupAllow: ["*"] }, group, false, "allow"],
  ["open groups", { groups: "open" }, group, false, "allow"],
  ["disabled groups", { groups: "disabled", groupAllow: ["*"] }, group, false, "groups_disabled"],
  ["who may write directly may not in groups", { allow: ["*"] }, group, true, "group_not_allowed"],
  ["a group's senders", { groups: "open", groupSenders: ["8"] }, group, false, "not_allowed"],
  ["nobody is a sender", { groups: "open", groupSenders: [] }, group, false, "not_allowed"],
  ["one of a group's senders", { groups: "open", groupSenders: ["7"] }, group, false, "allow"],
  ["blocked in groups, too", { groups: "open", block: ["7"] }, group, false, "blocked"],
  ["unasked in a group", { groups: "open" }, quiet, false, "not_mentioned"],
  ["where nobody need ask", { groups: "open", requireMention: false }, quiet, false, "allow"],
  ["which opens no other group", { requireMention: false }, quiet, false, "group_not_allowed"],
])("%s", (_, access, event, paired, expected) => {
  expect(decided(access, event, paired)).toBe(expected);
});

test.each<[string, string, string[], Partial<typeof direct.sender>, boolean]>([
  ["a name of digits is no id", "discord", ["123456"], { id: "9", username: "123456" }, false],
  [
    "a name like a Slack id is no id",
    "slack",
    ["U0123ABC"],
    { id: "U9", username: "u0123abc" },
    false,
  ],
  [
    "a name like a Signal id is no id",
    "signal",
    ["123e4567-e89b-12d3-a456-426614174000"],
    { id: "x", username: "123e4567-e89b-12d3-a456-426614174000" },
    false,
  ],
  [
    "a Signal id with its kind",
    "signal",
    ["uuid:123E4567-e89b-12d3-a456-426614174000"],
    { id: "123e4567-e89b-12d3-a456-426614174000" },
    true,
  ],
  [
    "a Signal phone number beside the id",
    "signal",
    ["+15550100"],
    { id: "x", username: "+15550100" },
    true,
  ],
  [
    "the same, as people write it",
    "signal",
    ["1 555-0100"],
    { id: "x", username: "+15550100" },
    true,
  ],
  ["a WhatsApp number with a plus", "whatsapp", ["+15550100"], { id: "15550100" }, true],
  ["a number as people write it", "whatsapp", ["+1 (555) 01-00"], { id: "15550100" }, true],
  ["as they copy it", "whatsapp", ["\u202a+1\u00a0555\u20110100\u202c"], { id: "15550100" }, true],
  ["with the channel", "whatsapp", ["whatsapp: +15550100"], { id: "15550100" }, true],
  ["another number", "whatsapp", ["+15550101"], { id: "15550100" }, false],
  ["a number of no digits", "whatsapp", ["+", "-"], { id: "15550100", username: "" }, false],
  [
    "a name like a number is no number",
    "whatsapp",
    ["1.555.0100"],
    { id: "9", username: "1.555.0100" },
    false,
  ],
  ["a WhatsApp id of a hidden number", "whatsapp", ["de.1349"], { id: "DE.1349" }, true],
  ["digits elsewhere are no number", "telegram", ["+7"], { id: "7" }, false],
  ["spaces behind the channel", "telegram", ["telegram: 7"], { id: "7" }, true],
  ["spaces behind the kind", "slack", ["slack:user: U0123ABC"], { id: "U0123ABC" }, true],
  ["a Slack person", "slack", ["slack:user:U0123ABC"], { id: "U0123ABC" }, true],
  ["an address in capitals", "email", ["Ada@Example.org"], { id: "ada@example.org" }, true],
  ["a domain", "email", ["@example.org"], { id: "ada@example.org" }, true],
  ["a domain is no ending", "email", ["@example.org"], { id: "ada@bad-example.org" }, false],
  ["nor a beginning", "email", ["@example.org"], { id: "ada@example.org.bad.test" }, false],
  ["a mail's display name is nobody", "email", ["ada"], { id: "x@y.test", username: "ada" }, false],
  ["a web site's id, exactly", "web", ["Ada"], { id: "ada" }, false],
  ["a web site's id that begins like a channel", "web", ["web:ada"], { id: "web:ada" }, true],
  ["and nobody else by it", "web", ["web:ada"], { id: "ada" }, false],
  ["an empty entry", "telegram", ["", "@", "telegram:"], { id: "", username: "" }, false],
])("%s: %s", (_, channel, allow, sender, expected) => {
  const event = message({ sender });
  const result = decided({ direct: "allowlist", allow }, event, false, channel);
  expect(result).toBe(expected ? "allow" : "not_allowed");
});

test.each([
  ["whatsapp", "+1 555-0100", "15550100"],
  ["telegram", "telegram: 7", "7"],
  ["email", "Ada@Example.org", "ada@example.org"],
])("whoever is blocked on %s as %s", (channel, entry, id) => {
  const event = message({ sender: { id } });
  expect(decided({ direct: "open", block: [entry] }, event, true, channel)).toBe("blocked");
});

test.each([
  ["slack", ["team:T1:channel:C1"], { id: "C1", team: "T1" }, true],
  ["slack", ["team:T2:channel:C1"], { id: "C1", team: "T1" }, false],
  ["slack", ["team:T1"], { id: "C1", team: "T1" }, true],
  ["discord", ["guild:g1"], { id: "c1", guild: "g1" }, true],
  ["discord", ["guild:g2", "g1"], { id: "c1", guild: "g1" }, false],
  ["discord", ["c1"], { id: "t1", parent: "c1" }, true],
  ["signal", ["signal:group:aB/c+="], { id: "aB/c+=" }, true],
  ["signal", ["ab/c+="], { id: "aB/c+=" }, false],
  ["telegram", ["telegram: group: -100"], { id: "-100" }, true],
])("groups of %s by %s", (channel, groupAllow, chat, expected) => {
  const event = message({ chat: { kind: "channel", ...chat }, mentionsAccount: true });
  const result = decided({ groupAllow }, event, false, channel);
  expect(result).toBe(expected ? "allow" : "group_not_allowed");
});

test("whoever is blocked, and every bot, is ignored under any rules", () => {
  const entries = fc.array(fc.constantFrom("*", "7", "8", "@ada", "-100"), { maxLength: 4 });
  const access: fc.Arbitrary<AccountAccess> = fc.record(
    {
      direct: fc.constantFrom("pairing", "allowlist", "open", "disabled"),
      allow: entries,
      groups: fc.constantFrom("allowlist", "open", "disabled"),
      groupAllow: entries,
      groupSenders: entries,
      requireMention: fc.boolean(),
      block: entries,
    },
    { requiredKeys: [] },
  );
  const kinds = fc.constantFrom("direct", "group", "channel");
  fc.assert(
    fc.property(
      access,
      kinds,
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      (rules, kind, ...flags) => {
        const [isBot, mentionsAccount, paired] = flags;
        const event = message({ chat: { kind, id: "-100" }, sender: { isBot }, mentionsAccount });
        const result = decided(rules, event, paired);
        const isBlocked = rules.block?.some((entry) => entry === "*" || entry === "7");
        if (isBlocked) expect(result).toBe("blocked");
        else if (isBot) expect(result).toBe("bot");
        else if (kind !== "direct") expect(result).not.toBe("pair");
      },
    ),
  );
});
