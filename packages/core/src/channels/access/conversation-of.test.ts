import fc from "fast-check";
import { expect, test } from "vitest";
import { conversationPattern } from "../../ids.ts";
import type { ChatAddress } from "../../ports/channel.ts";
import type { Account } from "../../resources.ts";
import { conversationOf } from "./conversation-of.ts";
import { indexIdentityLinks, linkFaults } from "./identity-links.ts";
import { testDigest } from "./testing/digest.ts";
import { message } from "./testing/events.ts";

const links = indexIdentityLinks([
  {
    kind: "IdentityLink",
    organization: "acme",
    name: "ada",
    identities: [
      { channel: "telegram", id: "99" },
      { channel: "slack", account: "work", id: "U9" },
    ],
  },
  {
    kind: "IdentityLink",
    organization: "acme",
    name: "bo",
    agent: "helper",
    identities: [{ channel: "telegram", id: "55" }],
  },
]);
const choice = { agent: "greeter", links, digest: testDigest };
type Scope = NonNullable<Account["scope"]>;

function at(
  chat: Partial<ChatAddress>,
  {
    sender = "7",
    scope,
    channel = "telegram",
    name = "bot",
    agent = "greeter",
  }: {
    sender?: string;
    scope?: Scope;
    channel?: string;
    name?: string;
    agent?: string;
  } = {},
): string {
  const account = { organization: "acme", name, channel, ...(scope && { scope }) };
  return conversationOf(account, message({ chat, sender: { id: sender } }), { ...choice, agent });
}

test.each<[string, string, string]>([
  ["a direct chat where nothing is said", at({}), "telegram:bot:direct:7"],
  ["main", at({}, { scope: "main" }), "main"],
  ["per-peer", at({}, { scope: "per-peer" }), "direct:7"],
  ["per-channel-peer", at({}, { scope: "per-channel-peer" }), "telegram:direct:7"],
  ["a group", at({ kind: "group", id: "-1001" }), "telegram:group:-1001"],
  ["a topic", at({ kind: "group", id: "-1001", thread: "42" }), "telegram:group:-1001:topic:42"],
  [
    "a thread of a channel",
    at({ kind: "channel", id: "C1", thread: "17.5" }, { channel: "slack" }),
    "slack:channel:C1:thread:17.5",
  ],
  [
    "a thread of mails, its characters escaped",
    at({ thread: "<x:1@h>" }, { channel: "email", name: "box", sender: "ada@example.org" }),
    "email:box:direct:ada@example.org:thread:~3cx~3a1@h~3e",
  ],
  ["a thread beside main", at({ thread: "9" }, { scope: "main" }), "main:thread:9"],
  ["other letters", at({ kind: "group", id: "é😀" }), "telegram:group:~e9~ud83d~ude00"],
  ["a linked person", at({}, { sender: "99" }), "person:ada"],
  ["on another channel", at({}, { sender: "u9", channel: "slack", name: "work" }), "person:ada"],
  ["on another account", at({}, { sender: "U9", channel: "slack" }), "slack:bot:direct:U9"],
  ["in a thread", at({ thread: "1" }, { sender: "99" }), "person:ada"],
  [
    "in a group nobody is linked",
    at({ kind: "group", id: "1" }, { sender: "99" }),
    "telegram:group:1",
  ],
  ["main is one conversation anyway", at({}, { sender: "99", scope: "main" }), "main"],
  ["a link of another agent", at({}, { sender: "55" }), "telegram:bot:direct:55"],
  ["a link of this agent", at({}, { sender: "55", agent: "helper" }), "person:bo"],
])("%s", (_, found, expected) => {
  expect(found).toBe(expected);
});

const id = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc.constantFrom("", ":", "~", "~3a", "direct", "a:thread:b", "\ud83d", "x".repeat(400)),
  fc.stringMatching(/^[0-9a-f~:]{0,6}$/),
);
const chats = fc.record(
  {
    scope: fc.constantFrom<Scope>("per-peer", "per-channel-peer", "per-account-channel-peer"),
    channel: fc.constantFrom("telegram", "slack", "email"),
    name: fc.constantFrom("bot", "direct", "group", "thread"),
    kind: fc.constantFrom("direct", "group", "channel"),
    id,
    thread: id,
  },
  { requiredKeys: ["scope", "channel", "name", "kind", "id"] },
);
type Chat = typeof chats extends fc.Arbitrary<infer T> ? T : never;

function conversationAt({ scope, channel, name, kind, id: chatId, thread }: Chat): string {
  const chat = { kind, id: chatId, ...(thread !== undefined && { thread }) };
  return at(chat, { scope, channel, name, sender: chatId });
}

/** What tells chats apart under the scope. */
function identityAt({ scope, channel, name, kind, id: chatId, thread }: Chat): string {
  if (kind !== "direct") return JSON.stringify([channel, kind, chatId, thread ?? null]);
  const wide: Record<Scope, string[]> = {
    main: [],
    "per-peer": [],
    "per-channel-peer": [channel],
    "per-account-channel-peer": [channel, name],
  };
  return JSON.stringify(["direct", scope, ...wide[scope], chatId, thread ?? null]);
}

test("every chat has a valid conversation", () => {
  fc.assert(
    fc.property(chats, (chat) => {
      expect(conversationAt(chat)).toMatch(conversationPattern);
      expect(conversationAt(chat)).toBe(conversationAt({ ...chat }));
    }),
  );
});

test("different chats have different conversations", () => {
  // Chats that differ in little are what could be taken for one another.
  const pairs = chats.chain((one) =>
    fc
      .tuple(fc.constant(one), chats, fc.integer({ min: 0, max: 63 }))
      .map(([base, other, mask]) => {
        const keys = ["scope", "channel", "name", "kind", "id", "thread"] as const;
        const kept = keys.filter((_, i) => (mask >> i) % 2 === 0).map((key) => [key, base[key]]);
        return [base, { ...other, ...Object.fromEntries(kept) } as Chat] as const;
      }),
  );
  fc.assert(
    fc.property(pairs, ([one, other]) => {
      const isSame = identityAt(one) === identityAt(other);
      expect(conversationAt(one) === conversationAt(other)).toBe(isSame);
    }),
    { numRuns: 2_000 },
  );
});

test("an id that is too long keeps its beginning", () => {
  const long = at({ kind: "group", id: "x".repeat(400) });
  expect(long).toHaveLength(200);
  expect(long.startsWith("telegram:group:xxx")).toBe(true);
  expect(long).not.toBe(at({ kind: "group", id: "x".repeat(401) }));
});

const link = (
  name: string,
  ...identities: { channel: string; account?: string; id: string }[]
) => ({
  kind: "IdentityLink" as const,
  organization: "acme",
  name,
  identities,
});

test("an identity of two links is a fault, and belongs to nobody", () => {
  const both = [
    link(
      "ada",
      { channel: "email", id: "a@example.org" },
      { channel: "slack", account: "x", id: "U1" },
    ),
    link("bo", { channel: "slack", id: "u1" }, { channel: "email", id: "A@example.org" }),
    link("cy", { channel: "slack", account: "y", id: "U2" }),
    link("di", { channel: "slack", account: "z", id: "U2" }),
  ];
  expect(linkFaults(both).map(({ path }) => path)).toEqual([
    "bo.identities[0]",
    "bo.identities[1]",
  ]);
  expect(linkFaults(both)[0]?.message).toContain("ada");
  const index = indexIdentityLinks(both);
  const who = (channel: string, account: string, identity: string) =>
    index.personOf({ organization: "acme", channel, account, id: identity, agent: "a" });
  expect(who("email", "box", "a@example.org")).toBeUndefined();
  expect(who("slack", "x", "U1")).toBeUndefined();
  expect(who("slack", "y", "U2")).toBe("cy");
  expect(who("slack", "z", "U2")).toBe("di");
  expect(who("slack", "w", "U2")).toBeUndefined();
});

test("a person is found however the id was written, by a number that Signal shows, and by no name", () => {
  const index = indexIdentityLinks([
    link("ada", { channel: "whatsapp", id: "+1 555-0100" }, { channel: "signal", id: "+15550100" }),
    link("bo", { channel: "signal", id: "uuid:BO" }, { channel: "telegram", id: "telegram: 7" }),
    link("cy", { channel: "telegram", id: "cy" }, { channel: "telegram", id: "slack:U1" }),
  ]);
  const who = (channel: string, id: string, username?: string) =>
    index.personOf({ organization: "acme", channel, account: "bot", id, username, agent: "a" });
  expect(who("whatsapp", "15550100")).toBe("ada");
  expect(who("signal", "x", "+15550100")).toBe("ada");
  expect(who("signal", "x", "+15550101")).toBeUndefined();
  expect(who("signal", "bo", "+15550101")).toBe("bo");
  // The id of one and the number of another: two people are never taken for one.
  expect(who("signal", "bo", "+15550100")).toBeUndefined();
  expect(who("telegram", "7")).toBe("bo");
  expect(who("telegram", "8", "cy")).toBeUndefined();
  expect(who("telegram", "U1")).toBeUndefined();
});

test("ids that are one when they are compared belong to one link", () => {
  const both = [
    link("ada", { channel: "whatsapp", id: "+15550100" }),
    link("bo", { channel: "whatsapp", id: "1 555 0100" }),
  ];
  expect(linkFaults(both).map(({ path }) => path)).toEqual(["bo.identities[0]"]);
});

test("the conversation is that of the person whose number Signal shows", () => {
  const account = { organization: "acme", name: "line", channel: "signal" };
  const numbers = indexIdentityLinks([link("ada", { channel: "signal", id: "+15550100" })]);
  const event = message({ chat: { id: "x" }, sender: { id: "x", username: "+15550100" } });
  expect(conversationOf(account, event, { ...choice, links: numbers })).toBe("person:ada");
});

test("a link of one organization says nothing about another", () => {
  const identity = { channel: "telegram", account: "bot", id: "99", agent: "greeter" };
  expect(links.personOf({ ...identity, organization: "acme" })).toBe("ada");
  expect(links.personOf({ ...identity, organization: "other" })).toBeUndefined();
});
