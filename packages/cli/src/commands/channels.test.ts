import { createClient } from "@holdfast/sdk";
import { type FakeNode, startFakeNode } from "@holdfast/sdk/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runHere } from "../testing/run-here.ts";

const at = 1_700_000_000_000;
const time = "2023-11-14T22:13:20Z";
const bot = { kind: "Account", organization: "demo", name: "bot", channel: "telegram" } as const;
const conversation = "telegram:bot:direct:7";

let node: FakeNode;
let env: Record<string, string>;
beforeEach(async () => {
  node = await startFakeNode();
  env = { HOLDFAST_URL: node.url, HOLDFAST_TOKEN: node.token };
  await createClient({ url: node.url, token: node.token }).apply([
    { kind: "Organization", name: "demo" },
    { ...bot, agent: "greeter" },
  ]);
});
afterEach(() => node.close());

const cli = (...words: string[]) => runHere(words, env);
const words = (text: string) => text.replace(/ +/g, " ");

describe("channels check", () => {
  it("gives 0 for an account that works, and tells who it is and who owns it", async () => {
    const { code, stdout } = await cli("channels", "check", "demo/bot");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `Account   demo/bot
Check     ok
Identity  @fake_bot
State     connected since ${time}
Owner     n-1
`,
    });
  });

  it("gives 1 and every finding for one that does not, without what could write on the screen", async () => {
    const findings = ["The token is \u001b[2J refused.", "Make a new one."];
    node.state.channels.checks.set("demo/bot", { ok: false, findings });
    node.state.channels.states.set("demo/bot", { status: "unowned", detail: "No owner\nanswers." });
    const { code, stdout } = await cli("channels", "check", "bot", "--org", "demo");
    expect({ code, lines: stdout.split("\n").slice(1, -1) }).toEqual({
      code: 1,
      lines: [
        "Check     not ok",
        "Identity  -",
        "State     unowned: No owner answers.",
        "Owner     -",
        "Finding   The token is ␛[2J refused.",
        "Finding   Make a new one.",
      ],
    });
    const machine = await cli("channels", "check", "demo/bot", "--json");
    expect(machine.code).toBe(1);
    expect(JSON.parse(machine.stdout)).toMatchObject({ ok: false, findings });
  });

  it("says which account is not there, and that an organization is missing", async () => {
    const nobody = await cli("channels", "check", "demo/nobody");
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toContain('error[account_not_found]: No account "nobody" is found.');
    const missing = await cli("channels", "check", "bot");
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("write ORGANIZATION/bot or give --org");
  });
});

describe("states", () => {
  it("stand beside the accounts, and '-' for what is not known", async () => {
    const { resources, channels } = node.state;
    resources.set("Account/demo/mail", { ...bot, name: "mail", channel: "email" });
    channels.states.set("demo/mail", { status: "unowned", detail: "Nobody owns it." });
    expect(words((await cli("get", "accounts")).stdout)).toBe(
      `ORGANIZATION NAME CHANNEL AGENT STATE NODE
demo bot telegram greeter connected n-1
demo mail email - unowned -
`,
    );
    expect(words((await cli("channels", "state")).stdout)).toBe(
      `ORGANIZATION NAME CHANNEL STATE NODE SINCE DETAIL
demo bot telegram connected n-1 ${time} -
demo mail email unowned - - Nobody owns it.
`,
    );
    const refused = { type: "answer", status: 403, body: "" } as const;
    node.fail({ type: "none" }, refused);
    const unknown = await cli("get", "account", "demo/bot");
    expect(words(unknown.stdout)).toContain("demo bot telegram greeter - -\n");
  });

  it("are asked a few at a time, in the accounts' order", async () => {
    const { resources, channels } = node.state;
    const names = Array.from({ length: 40 }, (_, index) => `bot-${String(index).padStart(2, "0")}`);
    for (const name of names) resources.set(`Account/demo/${name}`, { ...bot, name });
    const { stdout } = await cli("channels", "state", "--org", "demo", "--json");
    const shown = (JSON.parse(stdout) as { name: string; status: string }[]).map(
      ({ name, status }) => `${name} ${status}`,
    );
    expect(shown).toEqual(["bot", ...names].map((name) => `${name} connected`));
    expect(channels.asked.most).toBeGreaterThan(1);
    expect(channels.asked.most).toBeLessThanOrEqual(8);
  });

  it("are no part of what is applied again, and one alone is no list", async () => {
    const json = await cli("get", "accounts", "--json");
    expect(JSON.parse(json.stdout)).toEqual([{ ...bot, agent: "greeter" }]);
    const one = await cli("channels", "state", "demo/bot", "--json");
    expect(JSON.parse(one.stdout)).toMatchObject({ name: "bot", status: "connected", epoch: 1 });
    expect((await cli("channels", "state", "demo/nobody")).code).toBe(1);
  });
});

describe("pairings", () => {
  beforeEach(() => {
    const ada = { id: "7", channel: "telegram", name: "Ada\u202e \u001b]0;x", username: "ada" };
    node.state.channels.pending.push({ ...ada, code: "K7RWMXQ2", requestedAt: at });
    node.state.channels.paired.push(
      ...Array.from({ length: 250 }, (_, index) => ({
        id: `u${String(index).padStart(3, "0")}`,
        channel: "telegram",
        approvedAt: at,
      })),
    );
  });

  it("lists who waits, then all who were approved", async () => {
    const lines = words((await cli("channels", "pairings", "demo/bot")).stdout).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "PERSON NAME USER NAME STATE CODE SINCE",
      `7 Ada\u{FFFD} ␛]0;x ada waits K7RWMXQ2 ${time}`,
      `u000 - - approved - ${time}`,
    ]);
    expect(lines).toHaveLength(1 + 1 + 250 + 1);
    const json = await cli("channels", "pairings", "demo/bot", "--json");
    expect(JSON.parse(json.stdout)).toHaveLength(251);
  });

  it("approves a code once, and revokes", async () => {
    expect(await cli("channels", "approve", "demo/bot", "K7RWMXQ2")).toMatchObject({
      code: 0,
      stdout: "7 (Ada\u{FFFD} ␛]0;x, @ada) approved\n",
    });
    const again = await cli("channels", "approve", "demo/bot", "K7RWMXQ2");
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("error[pairing_not_found]");
    expect(await cli("channels", "revoke", "demo/bot", "7")).toMatchObject({
      code: 0,
      stdout: "7 revoked\n",
    });
    expect(await cli("channels", "revoke", "demo/bot", "7")).toMatchObject({ code: 1 });
  });
});

describe("deliveries", () => {
  beforeEach(() => {
    const to = { account: "bot", chat: "7", at };
    const failed = { state: "failed", reason: "The bot was \u001b[1mblocked.", at } as const;
    node.state.channels.deliveries.set(`demo/greeter/${conversation}`, [
      { ...to, id: "turn-1", state: "sent", of: 1, pieces: [{ state: "sent", at }] },
      { ...to, id: "turn-2", state: "failed", isHeld: true, of: 2, pieces: [failed] },
      { ...to, id: "turn-3", state: "accepted", of: 0, pieces: [] },
    ]);
    const { reason } = failed;
    const of = { organization: "demo", agent: "greeter", conversation };
    node.state.channels.failures.push({ ...of, ...to, id: "turn-2", state: "failed", reason });
  });

  it("are listed for a conversation", async () => {
    const { stdout } = await cli("get", "deliveries", "demo/greeter", conversation);
    expect(words(stdout)).toBe(
      `ID ACCOUNT CHAT STATE PIECES SINCE REASON
turn-1 bot 7 sent 1/1 ${time} -
turn-2 bot 7 failed, held 0/2 ${time} The bot was ␛[1mblocked.
turn-3 bot 7 accepted - ${time} -
`,
    );
    const json = await cli("get", "deliveries", "demo/greeter", conversation, "--json");
    expect(JSON.parse(json.stdout)).toHaveLength(3);
    const usage = await cli("get", "deliveries", "demo/greeter");
    expect(usage.code).toBe(2);
    expect(usage.stderr).toContain("`holdfast get deliveries ORGANIZATION/AGENT CONVERSATION`");
    expect(await cli("get", "agent", "demo/greeter", "c1")).toMatchObject({ code: 2 });
  });

  it("that failed are listed for one organization or all, and shown alone", async () => {
    const row = `turn-2 demo/greeter ${conversation} bot failed ${time} The bot was ␛[1mblocked.\n`;
    expect(words((await cli("get", "failed-deliveries")).stdout)).toContain(row);
    expect(words((await cli("get", "failed-deliveries", "--org", "demo")).stdout)).toContain(row);
    const one = await cli("get", "failed-delivery", "turn-2", "--json");
    expect(JSON.parse(one.stdout)).toMatchObject({ id: "turn-2", chat: "7" });
    expect(await cli("get", "failed-delivery", "turn-9")).toMatchObject({ code: 1 });
    expect(await cli("delete", "delivery", "turn-2")).toMatchObject({ code: 2 });
  });

  it("that failed are listed to the last, however many pages they fill", async () => {
    const [failure] = node.state.channels.failures;
    if (!failure) throw new Error("there is no failure");
    const ids = Array.from({ length: 450 }, (_, number) => `turn-${1_000 + number}`);
    node.state.channels.failures = ids.map((id) => ({ ...failure, id }));
    const { stdout } = await cli("get", "failed-deliveries", "--org", "demo", "--json");
    expect(JSON.parse(stdout).map(({ id }: { id: string }) => id)).toEqual(ids);
    const last = await cli("get", "failed-delivery", "turn-1449", "--json");
    expect(JSON.parse(last.stdout)).toMatchObject({ id: "turn-1449" });
  });

  it("that are held are sent once more or given up", async () => {
    const change = (...rest: string[]) => cli("deliveries", ...rest);
    expect(await change("retry", "demo/greeter", conversation, "turn-2")).toMatchObject({
      code: 0,
      stdout: "turn-2 is sent once more\n",
    });
    expect(node.requests.at(-1)?.body).toEqual({ action: "retry" });
    const discarded = await change("discard", "demo/greeter", conversation, "turn-2", "--json");
    expect(JSON.parse(discarded.stdout)).toEqual({ discarded: ["turn-2"] });
    const done = await change("discard", "demo/greeter", conversation, "turn-1");
    expect(done.stderr).toContain("error[delivery_not_found]");
  });
});
