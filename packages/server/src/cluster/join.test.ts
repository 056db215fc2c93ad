import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join as path } from "node:path";
import { parseJoinToken, readCertificate } from "@holdfast/security";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../system-clock.ts";
import { ClusterHome } from "./cluster-home.ts";
import { textsOf } from "./found-cluster.ts";
import { NodeIdentity } from "./identity.ts";
import { askForCertificates, type Join, joinCluster } from "./join.ts";
import { checkMembership } from "./open-member.ts";
import { joiningNode, record, startTestCluster, type TestCluster } from "./testing/test-cluster.ts";

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await startTestCluster(systemClock);
});

afterEach(() => cluster.close());

type Changes = Partial<Omit<Join, "urls">> & { readonly urls?: readonly string[] };

async function joinAs(node: string, changes: Changes = {}, home = cluster.newHome()) {
  const { urls = [cluster.url], ...rest } = changes;
  const join: Join = {
    clock: systemClock,
    say: () => undefined,
    token: rest.token ?? (await cluster.token()),
    node: joiningNode(node),
    ...rest,
    urls: (async function* () {
      yield* urls;
    })(),
  };
  return { home, file: await joinCluster(home, join) };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const thrown = await promise.then(
    () => undefined,
    (error: { code?: string }) => error,
  );
  return thrown?.code ?? "none";
}

describe("a node that joins with a token", () => {
  test("gets its role, its certificates and the others' addresses; its home is a member's", async () => {
    const { home, file } = await joinAs("n2");
    expect(file).toEqual({
      cluster: cluster.cluster,
      node: "n2",
      role: "store",
      isFounder: false,
      partitions: 8,
      engine: { host: "127.0.0.1", clientPort: 20_011, routePort: 20_012 },
      engines: [{ host: "127.0.0.1", clientPort: 20_001, routePort: 20_002 }],
      urls: [cluster.url],
    });
    const again = new ClusterHome(home.path);
    expect(again.readCluster()).toEqual(file);
    const identity = NodeIdentity.load(again, systemClock);
    expect(identity.bundle).toEqual(cluster.identity.bundle);
    const { cert } = identity.clientCredentials;
    expect(readCertificate(cert)).toMatchObject({
      kind: "node",
      cluster: cluster.cluster,
      node: "n2",
      hosts: ["127.0.0.1", "localhost"],
    });
    expect(readCertificate(identity.storeCredentials.operator.cert)).toMatchObject({
      kind: "operator",
      node: "n2",
    });
    expect(await cluster.record("n2")).toMatchObject({
      role: "store",
      state: "active",
      url: "https://127.0.0.1:7402",
      zone: "a",
      labels: { disk: "ssd" },
    });
    expect(cluster.prepared.map(({ node }) => node)).toEqual(["n2"]);
    for (const name of readdirSync(home.path)) {
      expect(statSync(path(home.path, name)).mode & 0o777, name).toBe(0o600);
    }
    expect(readdirSync(home.path).toSorted()).toEqual(["ca.pem", "cluster.json", "identity.json"]);
  });

  test("is a store node while there are fewer than three, and a compute node afterwards", async () => {
    const roles: string[] = [];
    for (const node of ["n2", "n3", "n4"]) roles.push((await joinAs(node)).file.role);
    expect(roles).toEqual(["store", "store", "compute"]);
    const { file, home } = await joinAs("n5", { role: "store" });
    expect(file.role).toBe("store");
    expect(file.engines).toHaveLength(3);
    expect(NodeIdentity.load(home, systemClock).tls("engine")).toBeDefined();
  });

  test("becomes the third store node in place of one that nobody hears of", async () => {
    for (const node of ["n2", "n3"]) await joinAs(node);
    cluster.silent.add("n3");
    expect((await joinAs("n4")).file.role).toBe("store");
    expect((await joinAs("n5")).file.role).toBe("compute");
  });

  test("as a compute node has no engine and no operator certificate", async () => {
    const { home } = await joinAs("n2", { role: "compute" });
    const identity = NodeIdentity.load(home, systemClock);
    expect(identity.tls("engine")).toBeUndefined();
    expect(identity.tls("operator")).toBeUndefined();
    expect((await cluster.record("n2"))?.engine).toBeUndefined();
  });

  test("gets the role that its token is bound to", async () => {
    const { file } = await joinAs("n2", { token: await cluster.token("compute") });
    expect(file.role).toBe("compute");
  });

  test("passes addresses where nobody answers, or somebody else", async () => {
    const stranger = await startTestCluster(systemClock);
    const silent = createTcpServer((socket) => void socket.end("nonsense"));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    try {
      const urls = ["https://127.0.0.1:1", `https://127.0.0.1:${port}`, stranger.url, cluster.url];
      expect((await joinAs("n2", { urls })).file.role).toBe("store");
      expect(await stranger.record("n2")).toBeUndefined();
    } finally {
      silent.close();
      await stranger.close();
    }
  });

  test("is shown the way by a compute node", async () => {
    cluster.entry.store = undefined;
    cluster.entry.storeUrl = () => cluster.url;
    const restore = cluster.store;
    let redirects = 0;
    cluster.entry.storeUrl = () => {
      redirects += 1;
      cluster.entry.store = restore;
      return cluster.url;
    };
    expect((await joinAs("n2")).file.role).toBe("store");
    expect(redirects).toBe(1);
  });

  test("never asks over plain http, also not on this machine", async () => {
    const heard: unknown[] = [];
    const listener = createTcpServer((socket) => void heard.push(socket.destroy()));
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const { port } = listener.address() as AddressInfo;
    const urls = [`http://127.0.0.1:${port}`, cluster.api.url];
    expect(await codeOf(joinAs("n2", { urls }))).toBe("node_unreachable");
    expect(heard).toEqual([]);
    listener.close();
  });

  test("does not send its token's secret", async () => {
    const token = await cluster.token();
    const { secret } = parseJoinToken(token);
    let bodies = "";
    cluster.entry.store = {
      ...cluster.store,
      join: (request) => {
        bodies += JSON.stringify(request);
        return cluster.store.join(request);
      },
    };
    await joinAs("n2", { token });
    expect(bodies).toContain(parseJoinToken(token).id);
    expect(bodies).not.toContain(secret);
    expect(bodies).not.toContain(token);
  });
});

describe("nothing is used up, and nothing written, when", () => {
  const cases: [string, (token: string) => Promise<Changes>, string, RegExp][] = [
    [
      "the version is too far away",
      async () => ({ node: { ...joiningNode("n2"), version: "1.6.0" } }),
      "version_mismatch",
      /"1\.6\.0", the cluster 1\.4\.0/,
    ],
    [
      "the major version differs",
      async () => ({ node: { ...joiningNode("n2"), version: "2.4.0" } }),
      "version_mismatch",
      /one minor version apart/,
    ],
    [
      "the clock is ahead",
      async () => ({ clock: { ...systemClock, now: () => Date.now() + 7 * 60_000 + 3_000 } }),
      "clock_skew",
      /n2 is 7 min \d s ahead of the cluster's/,
    ],
    [
      "the clock is behind",
      async () => ({ clock: { ...systemClock, now: () => Date.now() - 90 * 60_000 } }),
      "clock_skew",
      /n2 is 1 h 30 min behind the cluster's/,
    ],
    [
      "the name is taken",
      async () => ({ node: joiningNode("n1") }),
      "node_name_taken",
      /has a node n1 already/,
    ],
    [
      "the name was that of a removed node",
      async () => {
        await cluster.write({
          ...record("n2", "compute", "https://127.0.0.1:1"),
          state: "removed",
        });
        return {};
      },
      "node_name_taken",
      /was removed/,
    ],
    [
      "nobody answers",
      async () => ({ urls: ["https://127.0.0.1:1"] }),
      "node_unreachable",
      /No node answers at https:\/\/127\.0\.0\.1:1/,
    ],
    ["no address is known", async () => ({ urls: [] }), "discovery_failed", /No address is known/],
  ];
  test.each(cases)("%s", async (_name, changesOf, code, words) => {
    const token = await cluster.token();
    const changes = await changesOf(token);
    const home = cluster.newHome();
    await expect(joinAs("n2", { ...changes, token }, home)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(words),
    });
    expect(home.readCluster()).toBeUndefined();
    expect((await cluster.tokens.list())[0]?.state).toBe("open");
    // The same home and token get in as soon as the trouble is over.
    expect((await joinAs("n9", { token }, home)).file.node).toBe("n9");
  });

  test("the role is not the token's", async () => {
    const token = await cluster.token("compute");
    expect(await codeOf(joinAs("n2", { token, role: "store" }))).toBe("join_token_role");
    expect((await cluster.tokens.list())[0]?.state).toBe("open");
  });

  test("the disk cannot be written", async () => {
    const token = await cluster.token();
    const home = cluster.newHome();
    // Root writes everywhere but where a folder stands in the file's place.
    mkdirSync(path(home.path, "join.json.new"));
    chmodSync(home.path, 0o500);
    expect(await codeOf(joinAs("n2", { token }, home))).toBe("home_unusable");
    chmodSync(home.path, 0o700);
    expect((await cluster.tokens.list())[0]?.state).toBe("open");
    expect(await cluster.record("n2")).toBeUndefined();
  });

  test("the body is nonsense, too large or of another cluster", async () => {
    const post = async (body: string) =>
      (await cluster.api.call("POST", "/api/v1/cluster/join", { body, token: null })).status;
    expect(await post("{}")).toBe(400);
    expect(await post("[")).toBe(400);
    expect(await post(JSON.stringify({ filler: "x".repeat(100_000) }))).toBe(413);
  });
});

describe("a join token", () => {
  test("lets one of many in", async () => {
    const token = await cluster.token();
    const codes = await Promise.all(
      ["n2", "n3", "n4", "n5"].map((node) => codeOf(joinAs(node, { token }))),
    );
    expect(codes.toSorted()).toEqual([
      "join_token_used",
      "join_token_used",
      "join_token_used",
      "none",
    ]);
  });

  test("that is forged or of another cluster lets nobody in", async () => {
    const stranger = await startTestCluster(systemClock);
    try {
      const foreign = await stranger.token();
      expect(await codeOf(joinAs("n2", { token: foreign }))).toBe("certificate_invalid");
      const token = await cluster.token();
      const fields = JSON.parse(Buffer.from(token.slice(4), "base64url").toString());
      const forge = (change: object) =>
        `hfj_${Buffer.from(JSON.stringify({ ...fields, ...change })).toString("base64url")}`;
      expect(await codeOf(joinAs("n2", { token: forge({ s: "0".repeat(50) }) }))).toBe(
        "join_token_invalid",
      );
      expect(await codeOf(joinAs("n1", { token: forge({ i: "0".repeat(16) }) }))).toBe(
        "join_token_invalid",
      );
    } finally {
      await stranger.close();
    }
  });

  test("is not made where somebody else runs the engine, and lets nobody in there", async () => {
    const token = await cluster.token();
    cluster.entry.store = cluster.closedStore;
    await expect(cluster.closedStore.createToken(undefined)).rejects.toMatchObject({
      code: "invalid_configuration",
      message: expect.stringContaining("HOLDFAST_ENGINE"),
    });
    expect(await codeOf(joinAs("n2", { token }))).toBe("join_token_invalid");
    expect(await cluster.record("n2")).toBeUndefined();
  });

  test("is not asked for behind http, where no fingerprint can be checked", async () => {
    await expect(
      cluster.api.call("POST", "/api/v1/join-tokens", { body: {}, token: cluster.api.demo }),
    ).resolves.toMatchObject({ status: 403 });
    const made = await cluster.api.call("POST", "/api/v1/join-tokens", {
      body: { role: "compute" },
    });
    expect(made).toMatchObject({ status: 201, json: { role: "compute" } });
    const listed = await cluster.api.call("GET", "/api/v1/join-tokens");
    expect(listed.json.items).toMatchObject([{ id: made.json.id, state: "open", role: "compute" }]);
    expect(JSON.stringify(listed.json)).not.toContain(made.json.token);
    const path = `/api/v1/join-tokens/${made.json.id}`;
    expect((await cluster.api.call("DELETE", path)).status).toBe(204);
    expect((await cluster.api.call("DELETE", path)).status).toBe(404);
    expect(await codeOf(joinAs("n2", { token: made.json.token }))).toBe("join_token_invalid");
  });
});

test("more requests than the limit are refused before they are read; renewals have their own", async () => {
  const post = async (path: string, body: string) =>
    (await cluster.api.call("POST", `/api/v1/cluster/${path}`, { body, token: null })).status;
  const large = JSON.stringify({ filler: "x".repeat(100_000) });
  const bodies = ["{}", "[", large, "{}"];
  const flood = Array.from({ length: 40 }, (_, index) => post("join", bodies[index % 4] ?? ""));
  const statuses = await Promise.all(flood);
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(10);
  expect(statuses.filter((status) => [400, 413].includes(status)).length).toBeGreaterThanOrEqual(
    20,
  );
  expect(await post("renew", "{}")).toBe(400);
});

test("what a member is asked for has no proof, and what a new node is asked for has one", async () => {
  const post = async (path: string, body: object) =>
    (await cluster.api.call("POST", `/api/v1/cluster/${path}`, { body, token: null })).status;
  const { requests } = cluster.identity;
  const texts = textsOf(requests);
  const own = { ...joiningNode("n2"), cluster: cluster.cluster, now: Date.now(), requests: texts };
  const proof = { id: "0".repeat(16), mac: "0".repeat(64) };
  expect(await post("join", own)).toBe(400);
  expect(await post("renew", { ...own, proof })).toBe(400);
  expect(await post("join", { ...own, proof })).toBe(await post("renew", own));
});

describe("a home", () => {
  test("that is a member just starts, and refuses another cluster", async () => {
    const { home, file } = await joinAs("n2");
    const token = await cluster.token();
    expect((await joinAs("n2", { token, urls: [] }, home)).file).toEqual(file);
    expect((await cluster.tokens.list()).filter(({ state }) => state === "open")).toHaveLength(1);
    const stranger = await startTestCluster(systemClock);
    try {
      expect(await codeOf(joinAs("n2", { token: await stranger.token() }, home))).toBe(
        "home_of_other_cluster",
      );
    } finally {
      await stranger.close();
    }
  });

  test("of a node that ran alone is not taken over", async () => {
    const home = cluster.newHome();
    mkdirSync(path(home.path, "engine", "data"), { recursive: true });
    expect(await codeOf(joinAs("n2", {}, home))).toBe("home_of_other_cluster");
  });

  test("whose join was cut short joins again under its name, with the same token or a new one", async () => {
    const home = cluster.newHome();
    const token = await cluster.token();
    const { file } = await joinAs("n2", { token }, home);
    const identity = home.readIdentity();
    // As if the process had died before its last write.
    const cutShort = cluster.newHome();
    if (identity) cutShort.writePending(identity.requests);
    expect((await joinAs("n2", { token }, cutShort)).file).toEqual(file);
    const second = cluster.newHome();
    if (identity) second.writePending(identity.requests);
    expect((await joinAs("n2", {}, second)).file).toEqual(file);
    expect(await codeOf(joinAs("n2"))).toBe("node_name_taken");
  });

  test("with a damaged file says which", async () => {
    const { home } = await joinAs("n2");
    writeFileSync(path(home.path, "cluster.json"), '{"format":1}');
    expect(() => home.readCluster()).toThrow(expect.objectContaining({ code: "data_corrupt" }));
    writeFileSync(path(home.path, "cluster.json"), '{"format":2}');
    expect(() => home.readCluster()).toThrow(expect.objectContaining({ code: "home_too_new" }));
  });
});

test("a member gets new certificates for its own keys without a token; nobody else does", async () => {
  const { home, file } = await joinAs("n2", { role: "compute" });
  const identity = NodeIdentity.load(home, systemClock);
  const dependencies = { clock: systemClock, say: () => undefined };
  const ask = (node = joiningNode("n2"), keys = identity.requests) => {
    const { bundle, generation, hosts } = identity;
    const own = { requests: keys, bundle, generation, hosts };
    return askForCertificates(file, own, node, dependencies);
  };
  const issued = await ask({ ...joiningNode("n2"), url: "https://127.0.0.1:9999" });
  expect(issued.reserve).toBeUndefined();
  expect(readCertificate(issued.certificates.node)).toMatchObject({ node: "n2" });
  identity.replace(issued);
  expect((await cluster.record("n2"))?.url).toBe("https://127.0.0.1:7402");
  expect(await codeOf(ask(joiningNode("n2"), cluster.identity.requests))).toBe("node_removed");
  expect(await codeOf(ask(joiningNode("n3")))).toBe("node_removed");
  const removed = await cluster.record("n2");
  if (removed) await cluster.write({ ...removed, state: "removed" });
  expect(await codeOf(ask())).toBe("node_removed");
});

test("a node that the engine does not take finds out whether it was removed", async () => {
  const { home, file } = await joinAs("n2");
  const identity = NodeIdentity.load(home, systemClock);
  const member = { file, identity, self: joiningNode("n2") };
  const look = () => codeOf(checkMembership(member, systemClock));
  expect(await look()).toBe("none");
  const nobody = { ...member, file: { ...file, urls: ["https://127.0.0.1:1"] } };
  expect(await codeOf(checkMembership(nobody, systemClock))).toBe("none");
  const known = await cluster.record("n2");
  if (known) await cluster.write({ ...known, state: "removed" });
  expect(await look()).toBe("node_removed");
});

test("a member gets certificates of a new authority that the others show already", async () => {
  const { home, file } = await joinAs("n2", { role: "compute" });
  const identity = NodeIdentity.load(home, systemClock);
  const before = identity.authorityFingerprint;
  const dependencies = { clock: systemClock, say: () => undefined };
  await cluster.rotate();
  const ask = () => askForCertificates(file, identity, joiningNode("n2"), dependencies);
  // Nobody told it of the new one: it may not trust it.
  expect(await codeOf(ask())).toBe("certificate_invalid");
  const { bundle, generation, active } = await cluster.authority.state();
  identity.trust(bundle, generation);
  identity.replace(await ask());
  expect(identity.authorityFingerprint).toBe(active);
  expect(active).not.toBe(before);
});
