import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Client, createClient } from "./client.ts";
import { type FakeNode, startFakeNode } from "./testing/index.ts";

const account = { organization: "demo", name: "bot" };
const to = { organization: "demo", agent: "greeter", conversation: "telegram:bot:direct:7" };
const at = 1_700_000_000_000;

let node: FakeNode;
let client: Client;
beforeEach(async () => {
  node = await startFakeNode();
  client = createClient({ url: node.url, token: node.token });
  await client.apply([
    { kind: "Organization", name: "demo" },
    { kind: "Account", ...account, channel: "telegram" },
  ]);
});
afterEach(() => node.close());

describe("a channel account", () => {
  it("tells its state and its check, and that it is not there", async () => {
    expect(await client.accountState(account)).toMatchObject({
      status: "connected",
      node: "n-1",
      capabilities: { threads: true },
    });
    node.state.channels.checks.set("demo/bot", { ok: false, findings: ["The token is wrong."] });
    expect(await client.checkAccount(account)).toMatchObject({
      ok: false,
      findings: ["The token is wrong."],
      state: { status: "connected" },
    });
    const nobody = client.accountState({ ...account, name: "nobody" });
    await expect(nobody).rejects.toMatchObject({ code: "account_not_found" });
  });

  it("lists people by page, approves once and revokes, whatever stands in their ids", async () => {
    node.state.channels.pending.push({
      id: "ada/1@example.org",
      channel: "telegram",
      code: "K7RWMXQ2",
      requestedAt: at,
    });
    expect(await client.pairings(account)).toMatchObject({ pending: [{ code: "K7RWMXQ2" }] });
    expect(await client.approvePairing(account, "K7RWMXQ2")).toMatchObject({
      id: "ada/1@example.org",
      approvedAt: at,
    });
    node.state.channels.paired.push({ id: "zoe", channel: "telegram", approvedAt: at });
    const first = await client.pairings(account, { limit: 1 });
    expect(first).toMatchObject({ pending: [], paired: [{ id: "ada/1@example.org" }] });
    expect(await client.pairings(account, { after: first.next ?? "", limit: 1 })).toEqual({
      pending: [],
      paired: [{ id: "zoe", channel: "telegram", approvedAt: at }],
    });
    await client.revokePairing(account, "ada/1@example.org");
    expect(node.requests.at(-1)?.path).toContain("/pairings/ada%2F1%40example.org");
    const again = client.revokePairing(account, "ada/1@example.org");
    await expect(again).rejects.toMatchObject({ code: "pairing_not_found" });
  });

  it("is not approved a second time when the answer was lost", async () => {
    const ada = { id: "7", channel: "telegram", code: "K7RWMXQ2", requestedAt: at };
    node.state.channels.pending.push(ada);
    node.fail({ type: "break-after" });
    const lost = client.approvePairing(account, "K7RWMXQ2");
    await expect(lost).rejects.toMatchObject({ code: "node_unreachable" });
    expect(node.requests.filter(({ path }) => path.endsWith("/pairings"))).toHaveLength(1);
  });
});

describe("deliveries", () => {
  it("are listed, and one that waits is sent once more or given up", async () => {
    const sent = { account: "bot", chat: "7", at, of: 1, pieces: [] };
    node.state.channels.deliveries.set("demo/greeter/telegram:bot:direct:7", [
      { ...sent, id: "turn-1", state: "sent" },
      { ...sent, id: "turn-2", state: "failed", isHeld: true },
    ]);
    const ids = (await client.deliveries(to)).map(({ id }) => id);
    expect(ids).toEqual(["turn-1", "turn-2"]);
    await client.changeDelivery(to, "turn-2", "retry");
    expect(node.requests.at(-1)).toMatchObject({ method: "POST", body: { action: "retry" } });
    const done = client.changeDelivery(to, "turn-1", "discard");
    await expect(done).rejects.toMatchObject({ code: "delivery_not_found" });
  });

  it("that failed are listed for an organization, by page", async () => {
    const failure = { ...to, account: "bot", chat: "7", reason: "blocked", at };
    node.state.channels.failures.push(
      { ...failure, id: "turn-2", state: "failed" },
      { ...failure, id: "turn-3", state: "unknown" },
    );
    const first = await client.failedDeliveries("demo", { limit: 1 });
    expect(first).toMatchObject({ items: [{ id: "turn-2" }] });
    const second = await client.failedDeliveries("demo", { after: first.next ?? "", limit: 1 });
    expect(second).toMatchObject({ items: [{ id: "turn-3" }] });
    expect(second.next).toBeUndefined();
    expect(await client.failedDeliveries("other")).toEqual({ items: [] });
  });
});
