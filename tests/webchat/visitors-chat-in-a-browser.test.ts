import type { WebSocketRoute } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { BadLine } from "./bad-line.ts";
import { answers, type ChatPage, ChatWorld } from "./chat-world.ts";

let world: ChatWorld;

beforeAll(async () => {
  world = await ChatWorld.start();
});
afterEach(() => Promise.all(world.browser.contexts().map((context) => context.close())));
afterAll(() => world.close());

const welcome = { type: "welcome", conversation: "any", after: -1, addresses: [] };

/** Every message of the conversation as the visitor sees it, in order. */
async function expectWhole(chat: ChatPage, texts: readonly string[]): Promise<void> {
  await expect.poll(() => chat.texts(), { timeout: 20_000 }).toEqual(texts);
  expect(chat.faults).toEqual([]);
}

describe("a visitor", () => {
  it("sees an answer being written, finds it again after a reload, and the agent learns that it was read", async () => {
    const chat = await world.open();
    await chat.say("slow");
    await chat.page.locator(".stream").filter({ hasText: "word3" }).waitFor();
    expect(await chat.messages.count()).toBe(1);
    await expectWhole(chat, ["slow", answers["slow"] ?? ""]);
    await chat.page.reload();
    await expectWhole(chat, ["slow", answers["slow"] ?? ""]);
    const path = `/api/v1/orgs/acme/agents/helper/conversations/${chat.conversation}/deliveries`;
    await expect
      .poll(async () => (await world.cluster.call("GET", path)).body, { timeout: 10_000 })
      .toMatchObject({ items: [{ state: "read", account: "site" }] });
  });

  it("uses it with the keyboard alone", async () => {
    const { page, faults } = await world.open();
    const launcher = page.getByRole("button", { name: /chat/ }).last();
    await page.getByRole("dialog", { name: "Example help" }).waitFor();
    await page.keyboard.type("first line");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("second line");
    await page.keyboard.press("Escape");
    expect(await page.getByRole("dialog").count()).toBe(0);
    expect(await launcher.getAttribute("aria-expanded")).toBe("false");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.getByText("You said: first line").waitFor();
    expect(faults).toEqual([]);
  });

  it("has the whole screen of a phone, also on a page that is too wide", async () => {
    const phone = await world.browser.newContext({
      ignoreHTTPSErrors: true,
      viewport: { width: 390, height: 780 },
      isMobile: true,
      hasTouch: true,
    });
    const { page, faults } = await world.open(0, "site", phone);
    await page.evaluate("document.body.style.width = '900px'");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    await page.waitForFunction("document.activeElement?.shadowRoot?.activeElement !== null");
    expect(await dialog.boundingBox()).toMatchObject({ x: 0, y: 0, width: 390 });
    // The focus goes round in there.
    for (let count = 0; count < 8; count += 1) {
      await page.keyboard.press("Tab");
      expect(await dialog.locator(":focus").count()).toBe(1);
    }
    await dialog.getByRole("button", { name: "Close chat" }).tap();
    await dialog.waitFor({ state: "hidden" });
    expect(faults).toEqual([]);
  });

  it("has every message answered once, in order, though the line broke and acceptances were lost", async () => {
    const chat = await world.open();
    const line = await BadLine.of(chat.page);
    await chat.online();
    line.cut();
    await chat.say("written offline");
    await chat.say("and another");
    line.isCut = false;
    await chat.shows("You said: and another");
    line.isDeaf = true;
    await chat.say("accepted, but who knows");
    await line.heard("accepted, but who knows");
    line.cut();
    await chat.say("the last");
    line.isDeaf = false;
    line.isCut = false;
    await chat.shows("You said: the last");
    const asked = ["written offline", "and another", "accepted, but who knows", "the last"];
    const all = await chat.texts();
    expect(all.filter((text) => !text.startsWith("You said"))).toEqual(asked);
    expect(all.filter((text) => text.startsWith("You said"))).toEqual(
      asked.map((text) => `You said: ${text}`),
    );
    await chat.page.reload();
    await expectWhole(chat, all);
  });

  it("cannot be harmed by what an agent, a person or an operator writes", async () => {
    const evil = `<img src=x onerror="window.hasRun = true">`;
    await world.cluster.apply([world.account("evil", { title: evil })]);
    const chat = await world.open(0, "evil");
    await chat.say(evil);
    await chat.shows(`You said: ${evil}`);
    await chat.say("markup");
    await chat.page.locator(".message a", { hasText: "another" }).waitFor();
    const shown = chat.page.locator(".log");
    expect(await shown.locator("img, script, svg, iframe, [onerror], [onload]").count()).toBe(0);
    const links = await shown
      .locator("a")
      .evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    expect(links.filter((link) => !link?.startsWith("https://example.org/"))).toEqual([]);
    expect(await chat.page.getByRole("dialog").getAttribute("aria-label")).toBe(evil);
    expect(await chat.page.evaluate("window.hasRun")).toBeUndefined();
    expect(chat.faults).toEqual([]);
  });

  it("with a long history says once that it was seen, and once more when the line broke", async () => {
    const context = await world.browser.newContext({ ignoreHTTPSErrors: true });
    const said: { readonly type: string; readonly index?: number }[] = [];
    const history = Array.from({ length: 200 }, (_, index) => {
      const role = index % 2 === 0 ? "user" : "assistant";
      return { type: "message", index, role, text: "x", html: "<p>x</p>", at: 1 };
    });
    let line: WebSocketRoute | undefined;
    await context.routeWebSocket(/\/ws$/, (page) => {
      line = page;
      page.onMessage((text) => {
        const frame = JSON.parse(String(text));
        said.push(frame);
        if (frame.type !== "hello") return;
        const frames = [{ ...welcome, after: frame.after }, ...history.slice(frame.after + 1)];
        for (const each of [...frames, { type: "live" }]) page.send(JSON.stringify(each));
      });
    });
    await world.open(0, "site", context);
    const lastSaid = () => expect.poll(() => said.at(-1), { timeout: 20_000 });
    await lastSaid().toEqual({ type: "read", index: 199 });
    expect(said.length).toBeLessThan(20);
    said.length = 0;
    await line?.close();
    await lastSaid().toEqual({ type: "read", index: 199 });
  });

  it("who opens two tabs together is one visitor in both", async () => {
    const context = await world.browser.newContext({ ignoreHTTPSErrors: true });
    const hellos = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    const held = [hellos.promise, answer.promise];
    let heard = 0;
    await context.routeWebSocket(/\/ws$/, (page) => {
      const until = held.shift() ?? Promise.resolve();
      const node = page.connectToServer();
      node.onMessage((frame) => void until.then(() => page.send(frame)));
      page.onMessage((frame) => {
        node.send(frame);
        heard += 1;
        if (heard === 2) hellos.resolve();
      });
    });
    const first = await world.open(0, "site", context);
    const second = await world.open(0, "site", context);
    await first.say("in the first");
    await first.shows("You said: in the first");
    answer.resolve();
    await second.shows("You said: in the first");
    await second.say("in the second");
    const all = ["in the first", "You said: in the first"];
    all.push("in the second", "You said: in the second");
    for (const tab of [first, second]) {
      await expectWhole(tab, all);
      await tab.page.reload();
      await expectWhole(tab, all);
    }
  });

  it("whose two tabs are welcomed at the same moment is the one whose token is kept", async () => {
    const context = await world.browser.newContext({ ignoreHTTPSErrors: true });
    const hellos: { readonly visitor?: string }[] = [];
    const both = Promise.withResolvers<void>();
    await context.routeWebSocket(/\/ws$/, (page) => {
      page.onMessage((text) => {
        const hello = JSON.parse(String(text)) as { readonly visitor?: string };
        hellos.push(hello);
        const { visitor = `token-${hellos.length}` } = hello;
        if (hellos.length === 2) both.resolve();
        void both.promise.then(() => page.send(JSON.stringify({ ...welcome, visitor })));
      });
    });
    const first = await world.open(0, "site", context);
    await world.open(0, "site", context);
    await expect.poll(() => hellos.length, { timeout: 20_000 }).toBe(3);
    const kept = await first.page.evaluate(
      "localStorage.getItem('holdfast-chat:acme/site:visitor')",
    );
    expect(hellos.map(({ visitor }) => visitor)).toEqual([undefined, undefined, kept]);
  });
});

describe("a node that dies in the middle of an answer", () => {
  it("costs the visitor nothing: the widget goes to another, nothing is lost or doubled", async () => {
    const chat = await world.open();
    await chat.say("before");
    await chat.shows("You said: before");
    await chat.say("slow");
    await chat.page.locator(".stream").filter({ hasText: "word4" }).waitFor();
    const [connected] = chat.nodes.slice(-1);
    const victim = world.nodes.find(({ url }) => url === connected);
    world.cluster.kill(victim?.name ?? "");
    await chat.say("after");
    await chat.shows("You said: after");
    await expectWhole(chat, [
      "before",
      "You said: before",
      "slow",
      answers["slow"] ?? "",
      "after",
      "You said: after",
    ]);
    expect(chat.nodes.at(-1)).not.toBe(connected);
  });
});
