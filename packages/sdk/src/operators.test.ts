import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Client, createClient } from "./client.ts";
import { storeNodeUrls } from "./store-nodes.ts";
import { HoldfastError } from "@holdfast/core";
import { type FakeNode, startFakeNode } from "./testing/index.ts";

let node: FakeNode;
let client: Client;
beforeEach(async () => {
  node = await startFakeNode();
  client = createClient({ url: node.url, token: node.token, attempts: 1 });
});
afterEach(() => node.close());

describe("what operators do", () => {
  it("reads nodes, partitions and the operation", async () => {
    expect(await client.nodes()).toMatchObject([
      { node: "n-1", ownedPartitions: 2, lag: 4 },
      { node: "n-2" },
      { node: "n-3" },
    ]);
    expect(await client.node("n-2")).toMatchObject({ role: "store", zone: "zone-2" });
    await expect(client.node("n-9")).rejects.toMatchObject({ code: "node_not_found" });
    expect(await client.partitions()).toHaveLength(4);
    expect(await client.operation()).toBeUndefined();
  });

  it("names each node that is removed", async () => {
    await client.removeNodes(["n-2", "n-3"], { force: true });
    expect(node.requests.at(-1)).toMatchObject({
      method: "DELETE",
      path: "/api/v1/nodes?node=n-2&node=n-3&force=true",
    });
    expect((await client.nodes()).map((each) => each.node)).toEqual(["n-1"]);
  });

  it("plans a replacement without beginning it", async () => {
    const [first, , third] = node.state.cluster.nodes;
    if (!first || !third) throw new Error("three nodes are expected");
    node.state.cluster.nodes = [first, { ...third, node: "n-2", presence: "dead" }, third];
    expect((await client.replaceNode("n-2", { dryRun: true })).steps).toHaveLength(2);
    expect(await client.operation()).toBeUndefined();
    await client.replaceNode("n-2");
    expect(await client.operation()).toMatchObject({ kind: "replace", node: "n-2", done: 0 });
  });
});

describe("a node that points to store nodes", () => {
  let store: FakeNode;
  beforeEach(async () => {
    store = await startFakeNode();
  });
  afterEach(() => store.close());

  it("is followed once, with the same token, past those that are away", async () => {
    const away = await startFakeNode();
    await away.close();
    node.state.cluster.storeUrls = [away.url, store.url];
    await client.drainNode("n-2");
    expect(store.requests).toMatchObject([
      { path: "/api/v1/nodes/n-2/drain", headers: { authorization: `Bearer ${node.token}` } },
    ]);
    expect(store.state.cluster.nodes[1]).toMatchObject({ state: "draining" });
  });

  it("is followed by what declares, and by tokens", async () => {
    const details = [{ path: "url", message: store.url }];
    const error = { code: "store_node_required", message: "No.", details };
    const refusal = { type: "answer", status: 409, body: JSON.stringify({ error }) } as const;
    const agent = { kind: "Agent", organization: "demo", name: "g", model: "default" } as const;
    node.fail(refusal, refusal, refusal, refusal);
    await client.apply([{ kind: "Organization", name: "demo" }, agent]);
    await client.put({ ...agent, instructions: "Be brief." });
    await client.delete(agent);
    await client.createToken({ name: "ci" });
    expect(store.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /api/v1/apply",
      "PUT /api/v1/orgs/demo/agents/g",
      "DELETE /api/v1/orgs/demo/agents/g",
      "POST /api/v1/tokens",
    ]);
  });

  it("gives the store node's own refusal, and does not go round in circles", async () => {
    node.state.cluster.storeUrls = [store.url];
    await expect(client.drainNode("n-9")).rejects.toMatchObject({ code: "node_not_found" });
    store.state.cluster.storeUrls = [node.url];
    await expect(client.drainNode("n-2")).rejects.toMatchObject({ code: "store_node_required" });
    expect(node.requests).toHaveLength(2);
    expect(store.requests).toHaveLength(2);
  });

  it("is not followed by what must not happen twice once it may have arrived", async () => {
    const other = await startFakeNode();
    node.state.cluster.storeUrls = [store.url, other.url];
    store.fail({ type: "break-after" });
    await expect(client.changeAuthority("begin")).rejects.toMatchObject({
      code: "node_unreachable",
    });
    expect(other.requests).toHaveLength(0);
    await other.close();
  });

  it("gets no token sent to where it would travel in the clear", () => {
    const urls = (base: string, ...given: string[]) => {
      const details = given.map((message) => ({ path: "url", message }));
      const error = new HoldfastError("store_node_required", "No.", { details });
      return storeNodeUrls(error, base);
    };
    const given = [
      "https://10.0.0.1:7400/",
      "http://10.0.0.1:7400",
      "http://127.0.0.1:7400",
      "https://me@10.0.0.2",
      "nonsense",
    ];
    expect(urls("https://10.0.0.9:7400", ...given)).toEqual(["https://10.0.0.1:7400"]);
    expect(urls("http://127.0.0.1:7411", ...given)).toEqual([
      "https://10.0.0.1:7400",
      "http://127.0.0.1:7400",
    ]);
    expect(storeNodeUrls(new HoldfastError("forbidden", "No."), "http://127.0.0.1")).toEqual([]);
  });
});
