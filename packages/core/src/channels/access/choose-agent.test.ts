import { expect, test } from "vitest";
import type { AccountBinding } from "../../resources.ts";
import { chooseAgent } from "./choose-agent.ts";
import { message } from "./testing/events.ts";

const group = message({ chat: { kind: "group", id: "-100" } });
const topic = message({ chat: { kind: "group", id: "-100", thread: "42" } });
const thread = message({
  chat: { kind: "channel", id: "t9", parent: "c1", guild: "g1" },
  sender: { roles: ["r1", "r2"] },
});
const slack = message({ chat: { kind: "channel", id: "C1", team: "T1" } });

/** From the narrowest to the widest; each fits `thread`. */
const ladder: readonly AccountBinding[] = [
  { agent: "peer", peer: { kind: "channel", id: "t9" } },
  { agent: "parent", peer: { kind: "channel", id: "c1" } },
  { agent: "wildcard", peer: { kind: "channel", id: "*" } },
  { agent: "roles", guild: "g1", roles: ["r9", "r2"] },
  { agent: "guild", guild: "g1" },
  { agent: "account" },
  { agent: "any-account", anyAccount: true },
];

test("the narrowest binding wins, wherever it stands", () => {
  for (let gone = 0; gone < ladder.length; gone += 1) {
    const bindings = ladder.slice(gone).toReversed();
    expect(chooseAgent({ channel: "discord", bindings }, thread)).toBe(ladder[gone]?.agent);
  }
});

test("a team's binding comes before the account's", () => {
  const bindings = [{ agent: "account" }, { agent: "team", team: "T1" }];
  expect(chooseAgent({ channel: "slack", bindings }, slack)).toBe("team");
  expect(chooseAgent({ channel: "slack", bindings }, thread)).toBe("account");
});

test("of two alike the first wins", () => {
  const bindings = [
    { agent: "first", peer: { id: "-100" } },
    { agent: "second", peer: { kind: "group" as const, id: "-100" } },
  ];
  expect(chooseAgent({ channel: "telegram", bindings }, group)).toBe("first");
  expect(chooseAgent({ channel: "telegram", bindings: bindings.toReversed() }, group)).toBe(
    "second",
  );
});

test("a topic has a binding of its own, or that of its group", () => {
  const bindings = [
    { agent: "whole", peer: { kind: "group" as const, id: "-100" } },
    { agent: "topic", peer: { kind: "group" as const, id: "-100:topic:42" } },
  ];
  expect(chooseAgent({ channel: "telegram", bindings }, topic)).toBe("topic");
  expect(chooseAgent({ channel: "telegram", bindings }, group)).toBe("whole");
  expect(chooseAgent({ channel: "telegram", bindings: bindings.slice(0, 1) }, topic)).toBe("whole");
});

const one = (binding: Omit<AccountBinding, "agent">) => ({
  channel: "telegram",
  bindings: [{ agent: "a", ...binding }],
});
test.each<[string, ReturnType<typeof one>, typeof group, string | undefined]>([
  ["a person by id", one({ peer: { kind: "direct", id: "7" } }), message(), "a"],
  [
    "a person with the channel's name",
    one({ peer: { kind: "direct", id: "tg:7" } }),
    message(),
    "a",
  ],
  ["another person", one({ peer: { kind: "direct", id: "8" } }), message(), undefined],
  ["a group called channel", one({ peer: { kind: "channel", id: "-100" } }), group, "a"],
  ["a group that is no person", one({ peer: { kind: "direct", id: "-100" } }), group, undefined],
  ["a wildcard of another kind", one({ peer: { kind: "direct", id: "*" } }), group, undefined],
  [
    "a peer with a guild that does not fit",
    one({ peer: { id: "t9" }, guild: "g2" }),
    thread,
    undefined,
  ],
  ["a peer with roles that fit", one({ peer: { id: "t9" }, roles: ["r1"] }), thread, "a"],
  ["roles without a guild", one({ roles: ["r3"] }), thread, undefined],
  ["a parent alone", one({ parentPeer: { kind: "channel", id: "c1" } }), thread, "a"],
  ["another parent", one({ parentPeer: { id: "c2" } }), thread, undefined],
  ["a peer under a parent", one({ peer: { id: "t9" }, parentPeer: { id: "c1" } }), thread, "a"],
  [
    "a peer under another parent",
    one({ peer: { id: "t9" }, parentPeer: { id: "c2" } }),
    thread,
    undefined,
  ],
  ["all chats under a parent", one({ peer: { id: "*" }, parentPeer: { id: "c1" } }), thread, "a"],
  ["a parent of a chat that has none", one({ parentPeer: { id: "*" } }), group, undefined],
])("%s", (_, account, event, agent) => {
  expect(chooseAgent(account, event)).toBe(agent);
});

test.each([
  ["whatsapp", "+1 555-0100", { id: "15550100" }],
  ["whatsapp", "whatsapp:+15550100", { id: "15550100" }],
  ["signal", "+15550100", { id: "uuid", username: "+15550100" }],
  ["signal", "uuid:UUID", { id: "uuid", username: "+15550100" }],
  ["email", "Ada@Example.org", { id: "ada@example.org" }],
])("a person on %s as %s", (channel, id, sender) => {
  const bindings = [{ agent: "own", peer: { kind: "direct" as const, id } }];
  const event = message({ chat: { id: sender.id }, sender });
  expect(chooseAgent({ channel, bindings }, event, "other")).toBe("own");
});

test("an id is narrower than the number beside it", () => {
  const bindings = [
    { agent: "number", peer: { id: "+15550100" } },
    { agent: "id", peer: { id: "uuid" } },
  ];
  const event = message({ chat: { id: "uuid" }, sender: { id: "uuid", username: "+15550100" } });
  expect(chooseAgent({ channel: "signal", bindings }, event)).toBe("id");
});

test("a user name is no id: whoever takes it gets no other agent", () => {
  const bindings = [{ agent: "own", peer: { id: "ada" } }];
  const event = message({ sender: { username: "ada" } });
  expect(chooseAgent({ channel: "telegram", bindings }, event, "other")).toBe("other");
});

test("without a binding the account's agent, then the only one, then nobody", () => {
  const bindings = [{ agent: "other", peer: { id: "8" } }];
  const account = { channel: "telegram", agent: "own", bindings };
  expect(chooseAgent(account, message(), "only")).toBe("own");
  expect(chooseAgent({ channel: "telegram", bindings }, message(), "only")).toBe("only");
  expect(chooseAgent({ channel: "telegram", bindings }, message())).toBeUndefined();
});
