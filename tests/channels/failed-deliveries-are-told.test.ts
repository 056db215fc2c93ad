import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { FakeEmail, FakePlatform } from "../../packages/testkit/src/platforms/index.ts";
import { type CountingProxy, startCountingProxy } from "./counting-proxy.ts";
import {
  accountWith,
  chatIdOf,
  directChat,
  EveryFake,
  type Kind,
  kinds,
  startFakeOf,
} from "./every-fake.ts";
import { accountOf, eventually, OneNode, shows } from "./one-node.ts";

const forbidden = {
  status: 403,
  body: {
    ok: false,
    error_code: 403,
    description: "Forbidden: bot was blocked by the user",
  },
} as const;

let fakes: EveryFake;
let node: OneNode;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  fakes = await EveryFake.start();
  node = await OneNode.start(fakes.env);
  for (const kind of kinds)
    await node.account(fakes.of(kind), accountWith(fakes.of(kind)).settings);
  for (const kind of kinds) await connected(kind);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

afterAll(async () => {
  await node?.close();
  await fakes?.close();
});

/** A Telegram, and an account of the name on it that works. */
async function begin(name: string, more: object) {
  const fake = await startFakeOf("telegram");
  open.push(fake);
  await node.account(fake, accountWith(fake).settings, { name, ...more });
  await connected(name);
  return fake;
}

function connected(name: string): Promise<void> {
  return eventually(async () =>
    expect([name, await node.state(name)]).toEqual([name, "connected"]),
  );
}

const texts = (fake: FakePlatform, chat: string) => fake.shown(chat).map(({ text }) => text);

describe("a chat that is gone, or in which the account was blocked", () => {
  test.each(kinds)("%s: fails with its reason and is listed; other chats go on", async (kind) => {
    const fake = fakes.of(kind);
    const [chat, other] = [directChat(kind), directChat(kind, 1)];
    fake.say({ chat, text: "before" });
    await shows(fake, chat, 1);
    fake.block(chat);
    fake.say({ chat, text: "after" });
    await eventually(async () => {
      const failures = await node.failures(kind);
      expect(failures).toMatchObject([{ chat: chatIdOf(fake, chat), state: "failed" }]);
      const reason = failures[0]?.reason ?? "";
      // A sentence that says something, and no secret.
      expect(reason).toMatch(/\w{3}/);
      for (const secret of Object.values(fakes.env)) expect(reason).not.toContain(secret);
    });
    fake.say({ chat: other, text: "and here?" });
    await shows(fake, other, 1);
    expect(texts(fake, chat)).toEqual(["echo: before"]);
    expect(await node.state(kind)).toBe("connected");
  });
});

describe("what waits behind a failed message", () => {
  const chat = directChat("telegram");
  const conversation = (name: string) => `telegram:${name}:direct:${chat}`;

  test("fails with it where the account says so, and what comes later is sent", async () => {
    const direct = [{ count: 1, perMs: 1_000 }];
    const rates = { account: direct, direct, group: direct };
    const fake = await begin("rest", { onFailure: "fail-rest", rates });
    fake.say({ chat, text: "one" });
    await shows(fake, chat, 1);
    // The rate keeps the next one back, so that the one behind it is there when it fails.
    fake.answerNext("sendMessage", forbidden);
    fake.say({ chat, text: "two" });
    fake.say({ chat, text: "three" });
    await eventually(async () => {
      const failures = await node.failures("rest");
      expect(failures).toHaveLength(2);
      for (const { reason } of failures) expect(reason).toMatch(/blocked by the user/);
    });
    fake.say({ chat, text: "four" });
    expect(await shows(fake, chat, 2)).toEqual(["echo: one", "echo: four"]);
    await eventually(async () => {
      const states = (await node.deliveries(conversation("rest"))).map(({ state }) => state);
      expect(states).toEqual(["sent", "failed", "failed", "sent"]);
    });
  });

  test("waits where the account says so, until a person retries it or gives it up", async () => {
    const fake = await begin("waits", { onFailure: "wait" });
    const held = async () => {
      const all = await node.deliveries(conversation("waits"));
      return { all, id: all.find(({ isHeld }) => isHeld)?.id ?? "" };
    };
    fake.say({ chat, text: "one" });
    await shows(fake, chat, 1);
    fake.answerNext("sendMessage", forbidden);
    for (const text of ["two", "three", "four"]) fake.say({ chat, text });
    await eventually(async () => {
      const { all } = await held();
      expect(all.map(({ state, isHeld }) => [state, isHeld ?? false])).toEqual([
        ["sent", false],
        ["failed", true],
        ["accepted", false],
        ["accepted", false],
      ]);
    });
    expect(await node.failures("waits")).toMatchObject([{ chat, state: "failed" }]);
    expect(texts(fake, chat)).toEqual(["echo: one"]);

    const retried = await node.change(conversation("waits"), (await held()).id, "retry");
    expect(retried.status).toBe(202);
    expect(await shows(fake, chat, 4)).toEqual(
      ["one", "two", "three", "four"].map((text) => `echo: ${text}`),
    );

    fake.answerNext("sendMessage", forbidden);
    for (const text of ["five", "six"]) fake.say({ chat, text });
    await eventually(async () => {
      const { all } = await held();
      expect(all.slice(-2).map(({ state }) => state)).toEqual(["failed", "accepted"]);
    });
    const discarded = await node.change(conversation("waits"), (await held()).id, "discard");
    expect(discarded.status).toBe(202);
    expect((await shows(fake, chat, 5)).slice(3)).toEqual(["echo: four", "echo: six"]);
    const gone = await node.change(conversation("waits"), "no-such-delivery", "retry");
    expect([gone.status, gone.body.error.code]).toEqual([404, "delivery_not_found"]);
    expect(fake.violations).toEqual([]);
  });

  test("is listed as failed no longer when a retry has sent it", async () => {
    const fake = await begin("mended", { onFailure: "wait" });
    fake.answerNext("sendMessage", forbidden);
    fake.say({ chat, text: "one" });
    await eventually(async () => expect(await node.failures("mended")).toHaveLength(1));
    const [failure] = await node.failures("mended");
    await node.change(conversation("mended"), failure?.id ?? "", "retry");
    await shows(fake, chat, 1);
    await eventually(async () => expect(await node.failures("mended")).toEqual([]), 2_000);
  });
});

/** What an account asks of its platform, counted also where it is refused. */
interface Watched {
  readonly kind: Kind;
  readonly fake: FakePlatform;
  readonly resource: ReturnType<typeof accountOf>;
  readonly asked: () => number;
}

const addressFields = ["apiUrl", "url"] as const;

async function watch(kind: Kind): Promise<Watched> {
  const fake = await startFakeOf(kind);
  open.push(fake);
  const { settings } = accountWith(fake);
  const own: Record<string, unknown> = { ...settings };
  let logins = 0;
  const proxies: CountingProxy[] = [];
  for (const field of addressFields) {
    const url = own[field];
    if (typeof url !== "string") continue;
    const proxy = await startCountingProxy(url);
    proxies.push(proxy);
    open.push(proxy);
    own[field] = proxy.through(url);
  }
  if (isEmail(fake)) {
    fake.onSmtp = (moment) => {
      if (moment === "login") logins += 1;
      return undefined;
    };
  }
  return {
    kind,
    fake,
    resource: accountOf(kind, own, { name: `revoked-${kind}` }),
    asked: () =>
      proxies.reduce((sum, { count }) => sum + count, logins) +
      (isEmail(fake) ? fake.imapConnections : 0),
  };
}

function isEmail(fake: FakePlatform): fake is FakeEmail {
  return fake.kind === "email";
}

const watchedMs = 2_000;
const askedMost = 3;

test("revoked credentials: everything waits, nothing spins, and all of it is sent in order later", async () => {
  const all = await Promise.all(kinds.map(watch));
  await node.apply(all.map(({ resource }) => resource));
  for (const { fake, resource } of all) fake.deliverTo([node.webhook(resource.name)]);
  for (const { resource } of all) await connected(resource.name);
  const said = (kind: Kind) => shows(fakeOf(all, kind), directChat(kind), 1);
  for (const { kind, fake } of all) fake.say({ chat: directChat(kind), text: "before" });
  await Promise.all(kinds.map(said));

  for (const { kind, fake } of all) {
    fake.revoke(true);
    for (const text of ["one", "two", "three"]) fake.say({ chat: directChat(kind), text });
  }
  for (const { resource } of all) {
    await eventually(async () => {
      expect([resource.name, await node.state(resource.name)]).toEqual([
        resource.name,
        "unauthorized",
      ]);
    });
  }
  // Nothing that can be waited for tells that nobody asks: so a few seconds are looked at.
  const before = all.map(({ asked }) => asked());
  await new Promise((resolve) => setTimeout(resolve, watchedMs));
  for (const [number, { kind, asked }] of all.entries()) {
    expect([kind, asked() - (before[number] ?? 0) <= askedMost]).toEqual([kind, true]);
  }
  for (const { kind, fake, resource } of all) {
    expect(texts(fake, directChat(kind))).toEqual(["echo: before"]);
    expect(await node.failures(resource.name)).toEqual([]);
    const check = await node.check(resource.name);
    expect(check).toMatchObject({ ok: false, state: { status: "unauthorized" } });
    expect(check.findings.join(" ")).toMatch(/\w+ \w+/);
    for (const secret of Object.values(fakes.env))
      expect(JSON.stringify(check)).not.toContain(secret);
  }

  for (const { fake } of all) fake.revoke(false);
  for (const { resource } of all) {
    await eventually(async () => expect((await node.check(resource.name)).ok).toBe(true));
  }
  // Whatever changes an account makes its owner look at once; else it looks once in a minute.
  await node.apply(all.map(({ resource }) => ({ ...resource, streaming: "off" })));
  for (const { kind, fake } of all) {
    expect([kind, await shows(fake, directChat(kind), 4)]).toEqual([
      kind,
      ["before", "one", "two", "three"].map((text) => `echo: ${text}`),
    ]);
    expect(fake.violations).toEqual([]);
  }
});

test("a change of one account leaves the connections of the others alone", async () => {
  const mail = fakes.of("email") as FakeEmail;
  const chat = directChat("email", 2);
  mail.say({ chat, text: "before" });
  await shows(mail, chat, 1);
  const before = mail.imapConnections;
  const changes = ["off", "typing", "off"];
  for (const streaming of changes) await begin("changing", { streaming });
  mail.say({ chat, text: "after" });
  await shows(mail, chat, 2);
  // One more may look for the subject of the mail that is answered.
  expect(mail.imapConnections - before).toBeLessThan(changes.length);
});

function fakeOf(all: readonly Watched[], kind: Kind): FakePlatform {
  const found = all.find((each) => each.kind === kind);
  if (!found) throw new Error(`no fake of ${kind}`);
  return found.fake;
}
