import { HoldfastError } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryAuthority, MemoryCluster, MemoryRepair } from "./testing/memory-cluster.ts";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

let api: TestApi;
let cluster: MemoryCluster;
let repair: MemoryRepair;
let authority: MemoryAuthority;
beforeEach(async () => {
  cluster = new MemoryCluster();
  repair = new MemoryRepair();
  authority = new MemoryAuthority();
  api = await startTestApi({}, undefined, {
    clusterAdmin: cluster,
    storeRepair: repair,
    authorityControl: authority,
  });
});
afterEach(() => api.close());

const post = (path: string, body?: unknown) => api.call("POST", `/api/v1/${path}`, { body });
const get = (path: string) => api.call("GET", `/api/v1/${path}`);

describe("nodes and partitions", () => {
  test("are shown with what is recorded and what they said last", async () => {
    const { json } = await get("nodes");
    expect(json.items).toHaveLength(4);
    expect(json.items[0]).toEqual({
      node: "a",
      role: "store",
      state: "active",
      presence: "alive",
      isCoordinator: true,
      url: "https://10.0.0.0:7400",
      version: "1.2.3",
      zone: "z",
      labels: { disk: "fast" },
      capacity: 1,
      joinedAt: 1,
      silentMs: 100,
      engine: { host: "10.0.0.0", clientPort: 7422, routePort: 7423 },
      ownedPartitions: 2,
      lag: 6,
      load: {
        cpu: 0.5,
        cores: 2,
        memoryBytes: 1,
        memoryLimitBytes: 2,
        loopDelayMs: 1,
        turnsInFlight: 2,
        turnCapacity: 4,
        turnLatencyMs: 5,
        turnsPerSecond: 6,
        roundTripMs: 7,
      },
    });
    expect((await get("nodes/d")).json).toMatchObject({ node: "d", ownedPartitions: 0 });
    const partitions = (await get("partitions")).json.items;
    expect(partitions[0]).toMatchObject({ partition: 0, owner: "a", epoch: 7, isOpen: true });
    expect(partitions[2]).not.toHaveProperty("owner");
  });

  test("unknown and impossible names are told apart", async () => {
    const absent = await get("nodes/nobody");
    expect(absent.json.error).toMatchObject({ code: "node_not_found" });
    expect(absent.status).toBe(404);
    const wrong = await get("nodes/N_1");
    expect(wrong.json.error).toMatchObject({
      code: "invalid_request",
      details: [{ path: "node" }],
    });
    expect((await post("nodes/nobody/drain")).json.error.code).toBe("node_not_found");
  });

  test("all of it is for administrators", async () => {
    for (const [method, path] of [
      ["GET", "nodes"],
      ["GET", "nodes/a"],
      ["GET", "partitions"],
      ["POST", "nodes/a/drain"],
      ["POST", "nodes/a/activate"],
      ["POST", "nodes/a/replace"],
      ["DELETE", "nodes?node=a"],
      ["GET", "operation"],
      ["GET", "authority"],
      ["POST", "authority/begin"],
    ] as const) {
      const refused = await api.call(method, `/api/v1/${path}`, { token: api.demo });
      expect([path, refused.json.error.code]).toEqual([path, "forbidden"]);
      const unknown = await api.call(method, `/api/v1/${path}`, { token: null });
      expect([path, unknown.status]).toEqual([path, 401]);
    }
    expect(cluster.nodes().every(({ state }) => state === "active")).toBe(true);
    expect(authority.steps).toEqual([]);
  });

  test("drain, activate, and what the cluster refuses", async () => {
    const drained = await post("nodes/b/drain");
    expect(drained).toMatchObject({ status: 202, json: { node: "b", state: "draining" } });
    expect(cluster.statuses.get("b")?.state).toBe("draining");
    await post("nodes/b/activate");
    expect(cluster.statuses.get("b")?.state).toBe("active");
    cluster.refusal = new HoldfastError("last_node", "Nobody is left.");
    expect(await post("nodes/b/drain")).toMatchObject({
      status: 409,
      json: { error: { code: "last_node" } },
    });
  });

  test("nodes are removed together, once each", async () => {
    const remove = (query: string) => api.call("DELETE", `/api/v1/nodes${query}`);
    expect((await remove("?node=b&node=c&node=b&force=true")).status).toBe(204);
    expect(cluster.inEngine).toEqual(["a", "b", "d"]);
    expect((await remove("?node=d")).status).toBe(204);
    expect(cluster.removals).toEqual([
      { names: ["b", "c"], force: true },
      { names: ["d"], force: false },
    ]);
    for (const query of ["", "?node=", "?node=a&force=yes", "?node=a&all=true"]) {
      expect([query, (await remove(query)).json.error.code]).toEqual([query, "invalid_request"]);
    }
    const many = Array.from({ length: 17 }, (_, index) => `node=n-${index}`).join("&");
    expect((await remove(`?${many}`)).json.error.code).toBe("invalid_request");
  });
});

describe("a dead store node", () => {
  test("is replaced after its plan was read, and the work can be followed", async () => {
    cluster.set("b", { presence: "dead" });
    expect((await get("operation")).json).toEqual({ operation: null });
    const plan = await post("nodes/b/replace", { dryRun: true });
    expect(plan).toMatchObject({
      status: 200,
      json: { steps: [{ text: "b is replaced.", reason: "It is dead." }] },
    });
    expect(repair.started).toEqual([]);
    expect((await post("nodes/b/replace")).status).toBe(202);
    expect(repair.started).toEqual(["b"]);
    const { operation } = (await get("operation")).json;
    expect(operation).toMatchObject({ kind: "replace", node: "b", done: 1, total: 9 });
  });

  test("must be dead, known, and hold data", async () => {
    const code = async (node: string) =>
      (await post(`nodes/${node}/replace`, { dryRun: true })).json.error.code as string;
    expect(await code("b")).toBe("node_alive");
    cluster.set("d", { presence: "dead" });
    expect(await code("d")).toBe("no_engine");
    expect(await code("e")).toBe("node_not_found");
    expect(repair.started).toEqual([]);
  });
});

describe("the authority", () => {
  test("shows who has followed, and takes the next step only when all living nodes have", async () => {
    for (const node of ["a", "b", "c"]) authority.confirmed.set(node, 1);
    const { json } = await get("authority");
    expect(json).toMatchObject({ phase: "stable", generation: 1, active: "aa" });
    expect(json.nodes.at(-1)).toEqual({ node: "d", presence: "alive", isConfirmed: false });
    const early = await post("authority/begin");
    expect(early.json.error).toMatchObject({
      code: "authority_unconfirmed",
      retry: "safe",
      details: [{ path: "d", message: "has said nothing yet" }],
    });
    cluster.set("d", { presence: "dead" });
    expect((await post("authority/begin")).json).toMatchObject({ generation: 2 });
    authority.confirmed.set("a", 2);
    const waiting = (await post("authority/sign")).json.error;
    expect(waiting.message).toContain("waits for b, c: generation 2");
    expect(authority.steps).toEqual(["begin"]);
  });

  test("can always go back, and knows no other steps", async () => {
    expect((await post("authority/rollback")).status).toBe(200);
    expect((await post("authority/destroy")).json.error.code).toBe("invalid_request");
    expect(authority.steps).toEqual(["rollback"]);
  });
});

test("a compute node points to the store nodes", async () => {
  const compute = await startTestApi({}, undefined, { clusterAdmin: cluster });
  try {
    cluster.set("b", { presence: "dead" });
    for (const [method, path] of [
      ["GET", "operation"],
      ["POST", "nodes/b/replace"],
      ["GET", "authority"],
      ["POST", "authority/begin"],
    ] as const) {
      const answer = await compute.call(method, `/api/v1/${path}`);
      expect([path, answer.status, answer.json.error.code]).toEqual([
        path,
        409,
        "store_node_required",
      ]);
      const urls = ["https://10.0.0.0:7400", "https://10.0.0.1:7400", "https://10.0.0.2:7400"];
      expect(answer.json.error.details).toEqual(urls.map((message) => ({ path: "url", message })));
    }
  } finally {
    await compute.close();
  }
});

describe("a compute node", () => {
  const body = { kind: "Agent", organization: "demo", name: "greeter", model: "default" } as const;
  let compute: TestApi;
  beforeEach(async () => {
    compute = await startTestApi({}, undefined, { clusterAdmin: cluster, mayDeclare: false });
  });
  afterEach(() => compute.close());

  test.each([
    ["POST", "apply", { resources: [body] }],
    ["PUT", "orgs/demo", {}],
    ["DELETE", "orgs/other"],
    ["PUT", "orgs/demo/agents/greeter", body],
    ["DELETE", "orgs/demo/agents/greeter"],
    ["PUT", "orgs/demo/providers/p", { type: "openai", baseUrl: "https://models.example" }],
    ["DELETE", "orgs/demo/providers/p"],
    ["POST", "tokens", { name: "t" }],
    ["DELETE", "tokens/tok_1"],
    ["POST", "orgs/demo/tokens", { name: "t" }],
    ["DELETE", "orgs/demo/tokens/tok_1"],
  ])("points to the store nodes: %s %s", async (method, path, given?: unknown) => {
    const tokens = compute.tokens.list("demo");
    const answer = await compute.call(method, `/api/v1/${path}`, { body: given });
    expect([answer.status, answer.json.error.code]).toEqual([409, "store_node_required"]);
    expect(answer.json.error.details[0]).toEqual({ path: "url", message: "https://10.0.0.0:7400" });
    expect(compute.tokens.list("demo")).toEqual(tokens);
    expect(compute.resources.organization("demo")).toBeDefined();
  });

  test("reads, and says what an apply would change", async () => {
    expect((await compute.call("GET", "/api/v1/orgs/demo/agents/greeter")).status).toBe(200);
    expect((await compute.call("GET", "/api/v1/tokens")).json.items).toHaveLength(1);
    const dry = { resources: [body], dryRun: true };
    const answer = await compute.call("POST", "/api/v1/apply", { body: dry });
    expect(answer.json.results).toMatchObject([{ name: "greeter" }]);
  });
});

describe("the token that a node made for its machine", () => {
  test("ends when the node is removed or replaced, and no other's does", async () => {
    const of = async (node: string) => {
      const name = `admin of node ${node}`;
      return (await api.tokens.create({ name, organization: null })).token;
    };
    const [a, b, c] = [await of("a"), await of("b"), await of("c")];
    expect((await api.call("DELETE", "/api/v1/nodes?node=c")).status).toBe(204);
    cluster.set("b", { presence: "dead" });
    expect((await post("nodes/b/replace", { dryRun: true })).status).toBe(200);
    expect(api.tokens.find(b)).toBeDefined();
    expect((await post("nodes/b/replace")).status).toBe(202);
    expect([a, b, c].map((token) => api.tokens.find(token)?.name)).toEqual([
      "admin of node a",
      undefined,
      undefined,
    ]);
  });

  test("does not take its own node out: whoever asks would be left without one", async () => {
    const named = { name: "admin of node b", organization: null };
    const { token } = await api.tokens.create(named);
    cluster.set("b", { presence: "dead" });
    for (const [method, path] of [
      ["POST", "/api/v1/nodes/b/replace"],
      ["DELETE", "/api/v1/nodes?node=b"],
    ] as const) {
      const answer = await api.call(method, path, { token });
      expect([answer.status, answer.json.error.code]).toEqual([409, "token_of_node"]);
    }
    expect(repair.started).toEqual([]);
    expect(cluster.removals).toEqual([]);
    expect((await api.call("DELETE", "/api/v1/nodes?node=c", { token })).status).toBe(204);
  });
});

test("a node outside of a cluster says so, and every route is in the API's description", async () => {
  const alone = await startTestApi();
  try {
    expect((await alone.call("GET", "/api/v1/nodes")).json.error.code).toBe("not_ready");
    const { paths, components } = (await alone.call("GET", "/openapi.json", { token: null })).json;
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        "/api/v1/nodes",
        "/api/v1/nodes/{node}",
        "/api/v1/nodes/{node}/drain",
        "/api/v1/nodes/{node}/activate",
        "/api/v1/nodes/{node}/replace",
        "/api/v1/partitions",
        "/api/v1/operation",
        "/api/v1/authority",
        "/api/v1/authority/{step}",
      ]),
    );
    expect(components.schemas.Node.properties).toHaveProperty("ownedPartitions");
    const remove = paths["/api/v1/nodes"].delete;
    expect(remove.responses["409"].description).toContain("store_quorum_at_risk");
    expect(remove.parameters.map(({ name }: { name: string }) => name)).toEqual(["node", "force"]);
  } finally {
    await alone.close();
  }
});
