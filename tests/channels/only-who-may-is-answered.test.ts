import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type {
  FakeDiscord,
  FakePlatform,
  FakeSignal,
  FakeSlack,
  FakeTelegram,
  FakeWhatsApp,
} from "../../packages/testkit/src/platforms/index.ts";
import { accountWith, directChat, EveryFake, type Kind, kinds } from "./every-fake.ts";
import { eventually, OneNode, organization, shows } from "./one-node.ts";

/** Those with groups. */
const groupKinds = ["telegram", "slack", "discord", "signal"] as const;

let fakes: EveryFake;
let node: OneNode;

beforeAll(async () => {
  fakes = await EveryFake.start();
  node = await OneNode.start(fakes.env);
  await Promise.all(
    kinds.map(async (kind) => {
      const fake = fakes.of(kind);
      // Strangers need a code; those whose number is in the list do not.
      const allow = [friend, bot, linked, witness].map((number) => idOf(kind, fake, number));
      const block = [idOf(kind, fake, blocked)];
      const access = { allow: [...allow, ...block], groupAllow: groupsOf(kind, fake), block };
      await node.account(fake, accountWith(fake).settings, { access });
    }),
  );
  await eventually(async () => {
    for (const kind of kinds) expect([kind, await node.state(kind)]).toEqual([kind, "connected"]);
  });
});

afterAll(async () => {
  await node?.close();
  await fakes?.close();
});

/** People by number, who write in their direct chats, or in a group. */
const [stranger, friend, bot, blocked, linked, witness] = [1, 2, 3, 4, 5, 6];

/** The fakes name who writes after the chat; Slack and Discord have people beside chats. */
function senderOf(kind: Kind, number: number): string {
  return kind === "slack" ? `U0PERSON${number}` : directChat(kind, number);
}

/** As the platform calls the person. */
function idOf(kind: Kind, fake: FakePlatform, number: number): string {
  const sender = senderOf(kind, number);
  return kind === "discord" ? (fake as FakeDiscord).ids.user(sender) : sender;
}

function groupOf(kind: Kind, number: number): string {
  if (kind === "telegram") return `-100471${number}`;
  return kind === "slack" ? `C0GROUP${number}` : `group${number}`;
}

/** The first group; of Discord, whose ids are not known before, the whole server. */
function groupsOf(kind: Kind, fake: FakePlatform): readonly string[] {
  if (kind === "discord") return [`guild:${(fake as FakeDiscord).ids.guild}`];
  return [
    kind === "telegram"
      ? (fake as FakeTelegram).chatId(groupOf(kind, 1), "group")
      : groupOf(kind, 1),
  ];
}

function says(kind: Kind, number: number, text: string, more: object = {}): void {
  const chat = directChat(kind, number);
  fakes.of(kind).say({ chat, sender: senderOf(kind, number), senderName: "Ben", text, ...more });
}

/** What the person's direct chat shows, when it is so much. */
function isShown(kind: Kind, number: number, count: number): Promise<readonly string[]> {
  return shows(fakes.of(kind), directChat(kind, number), count);
}

/** As people read it: the code that a stranger gets. */
function codeIn(text: string): string {
  return /: ([A-Z0-9-]{6,})\s*$/i.exec(text)?.[1] ?? "";
}

describe("a stranger", () => {
  test.each(kinds)("of %s gets a code once, and is answered when it was approved", async (kind) => {
    says(kind, stranger, "hello?");
    const [asked = ""] = await isShown(kind, stranger, 1);
    const code = codeIn(asked);
    expect(code, asked).toMatch(/^[A-Z0-9-]{6,}$/i);
    for (const text of ["are you there?", "HELLO?"]) says(kind, stranger, text);
    await fakes.of(kind).settled();
    const { pending, paired } = await node.pairings(kind);
    expect(pending).toHaveLength(1);
    expect(paired).toEqual([]);

    const wrong = await node.approve(kind, "WRNGCD99");
    expect([wrong.status, wrong.body.error.code]).toEqual([404, "pairing_not_found"]);
    const approved = await node.approve(kind, code.toLowerCase());
    expect(approved.status, JSON.stringify(approved.body)).toBe(200);
    const twice = await node.approve(kind, code);
    expect([twice.status, twice.body.error.code]).toEqual([404, "pairing_not_found"]);
    says(kind, stranger, "and now?");
    // No second code, and nothing that was said before the approval.
    expect((await isShown(kind, stranger, 2)).slice(1)).toEqual(["echo: and now?"]);
    expect(await node.pairings(kind)).toMatchObject({ pending: [], paired: [{ channel: kind }] });
  });
});

describe("a group", () => {
  test.each(groupKinds)("of %s: only who names the account is answered", async (kind) => {
    const fake = fakes.of(kind);
    const [chat, unlisted] = [groupOf(kind, 1), groupOf(kind, 2)];
    const say = (where: string, number: number, text: string, mentionsAccount: boolean) =>
      fake.say({
        chat: where,
        kind: "group",
        sender: senderOf(kind, number),
        senderName: "Ben",
        text,
        mentionsAccount,
      });
    say(chat, friend, "we talk among ourselves", false);
    say(chat, blocked, "answer me", true);
    if (kind !== "discord") say(unlisted, friend, "not on the list", true);
    // People of a group need no code.
    say(chat, stranger, "and you?", true);
    expect(await shows(fake, chat, 1)).toEqual(["echo: Ben: and you?"]);
    await fake.settled();
    say(chat, friend, "once more", true);
    expect((await shows(fake, chat, 2))[1]).toBe("echo: Ben: once more");
    expect(fake.shown(unlisted)).toEqual([]);
  });
});

describe("bots and blocked people", () => {
  test.each(kinds)("of %s are not answered", async (kind) => {
    const fake = fakes.of(kind);
    // On these two nothing tells a bot from a person.
    const hasBots = kind !== "whatsapp" && kind !== "signal";
    if (hasBots) says(kind, bot, "I answer everything", { isBot: true });
    says(kind, blocked, "let me in");
    await fake.settled();
    says(kind, friend, "hi");
    expect(await isShown(kind, friend, 1)).toEqual(["echo: hi"]);
    for (const number of [bot, blocked]) {
      expect(fake.shown(directChat(kind, number))).toEqual([]);
    }
  });
});

test("a linked person has one conversation on two channels, and each answer goes where it was asked", async () => {
  const identities = (["telegram", "whatsapp"] as const).map((channel) => ({
    channel,
    id: idOf(channel, fakes.of(channel), linked),
  }));
  await node.apply([{ kind: "IdentityLink", organization, name: "ada", identities }]);
  says("telegram", linked, "from telegram");
  await isShown("telegram", linked, 1);
  says("whatsapp", linked, "from whatsapp");
  expect(await isShown("whatsapp", linked, 1)).toEqual(["echo: from whatsapp"]);
  says("telegram", linked, "and back");
  expect(await isShown("telegram", linked, 2)).toEqual(["echo: from telegram", "echo: and back"]);
  expect(fakes.of("whatsapp").shown(directChat("whatsapp", linked))).toHaveLength(1);
  expect(await node.heard("person:ada")).toEqual(["from telegram", "from whatsapp", "and back"]);
});

test.each(kinds)("what %s invents tomorrow is passed over", async (kind) => {
  const fake = fakes.of(kind);
  inventIn(kind, fake);
  says(kind, witness, "still there?");
  expect(await isShown(kind, witness, 1)).toEqual(["echo: still there?"]);
  await fake.settled();
  expect(await node.state(kind)).toBe("connected");
  expect(fake.violations).toEqual([]);
});

function inventIn(kind: Kind, fake: FakePlatform): void {
  const strange = { deep: [1, { x: null }], text: "\u0000", from: 5 };
  switch (kind) {
    case "telegram":
      for (const update of [{ telepathy: strange }, { message: strange }, { message: [] }, {}]) {
        (fake as FakeTelegram).sendUnknown(update);
      }
      break;
    case "slack":
      for (const type of ["telepathy", "message", "app_mention"]) {
        (fake as FakeSlack).emit("D0STRANGE", { type, ...strange });
      }
      break;
    case "discord":
      (fake as FakeDiscord).dispatch("TELEPATHY", strange);
      (fake as FakeDiscord).dispatch("MESSAGE_CREATE", strange);
      (fake as FakeDiscord).dispatch("MESSAGE_CREATE", null);
      break;
    case "whatsapp":
      (fake as FakeWhatsApp).deliver("x", { telepathy: strange });
      (fake as FakeWhatsApp).deliver("x", { messages: [strange], statuses: [strange, null] });
      (fake as FakeWhatsApp).sayContent({ chat: directChat(kind, 9) }, { type: "telepathy" });
      break;
    case "signal":
      (fake as FakeSignal).tell("+4930471109", { telepathyMessage: strange });
      (fake as FakeSignal).tell("+4930471109", { dataMessage: strange });
      (fake as FakeSignal).tell("", { dataMessage: { message: "from nobody" } });
      break;
    default:
      fake.say({ chat: "", text: "from an address that is none" });
  }
}
