import { X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { parseJoinToken, proveJoin, readCertificate, serverTlsOptions } from "@holdfast/security";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock as clock } from "../system-clock.ts";
import type { LeafRequests } from "./cluster-home.ts";
import { createLeafRequests, textsOf } from "./found-cluster.ts";
import { NodeIdentity } from "./identity.ts";
import { askForCertificates, joinCluster } from "./join.ts";
import { provenText } from "./join-proof.ts";
import type { JoinAnswer, JoinRequest } from "./join-protocol.ts";
import { joiningNode, startTestCluster, type TestCluster } from "./testing/test-cluster.ts";

let cluster: TestCluster;
let keys: LeafRequests;
const servers: Server[] = [];

beforeEach(async () => {
  cluster = await startTestCluster(clock);
  keys = await createLeafRequests();
});

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await cluster.close();
});

type Wish = Partial<JoinRequest>;

function unproven(node: string, wish: Wish = {}): JoinRequest {
  const { cluster: name } = cluster;
  return {
    ...joiningNode(node),
    cluster: name,
    now: clock.now(),
    requests: textsOf(keys),
    ...wish,
  };
}

function proven(token: string, node: string, wish: Wish = {}): JoinRequest {
  const held = parseJoinToken(token);
  const request = unproven(node, wish);
  return { ...request, proof: { id: held.id, mac: proveJoin(held, provenText(request)) } };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (thrown: { code: string }) => thrown.code,
  );
}

const join = (request: JoinRequest) => cluster.service.join(request);

describe("a token", () => {
  test("is used for one name, one role and one set of keys", async () => {
    const token = await cluster.token();
    const request = proven(token, "n2", { role: "compute" });
    await join(request);
    const evil = textsOf(await createLeafRequests());
    const own = textsOf(keys);
    for (const other of [
      proven(token, "n3", { role: "compute" }),
      proven(token, "n3", { role: "store" }),
      proven(token, "n4"),
    ]) {
      expect(await codeOf(join(other))).toBe("join_token_used");
    }
    for (const kind of ["node", "engine", "operator"] as const) {
      const mixed = { ...own, [kind]: evil[kind] };
      const other = proven(token, "n2", { role: "compute", requests: mixed });
      expect(await codeOf(join(other)), kind).toBe("node_name_taken");
    }
    expect(await codeOf(join(proven(token, "n2", { role: "store" })))).toBe("node_name_taken");
    // Who asked and did not hear the answer asks again.
    expect((await join(request)).role).toBe("compute");
    expect((await join(proven(token, "n2"))).role).toBe("compute");
  });

  test("proves one request: nothing of it can be changed on the way", async () => {
    const token = await cluster.token();
    const request = proven(token, "n2", { role: "compute" });
    const evil = textsOf(await createLeafRequests());
    const changes: Wish[] = [
      { node: "n3" },
      { role: "store" },
      { role: undefined },
      { url: "https://10.0.0.1:7400" },
      { hosts: ["n1.cluster.example"] },
      { requests: { ...request.requests, operator: evil.operator } },
      { now: request.now + 1 },
      { labels: {} },
    ];
    for (const change of changes) {
      const code = await codeOf(join({ ...request, ...change }));
      expect(code, JSON.stringify(change)).toBe("join_token_invalid");
    }
    expect((await cluster.tokens.list())[0]?.state).toBe("open");
    expect((await join(request)).role).toBe("compute");
  });

  test("is not used up by a request that no certificate can be made for", async () => {
    const token = await cluster.token();
    const own = textsOf(keys);
    const damaged = own.engine.replace(/[A-Z]{4}/, "AAAA");
    for (const wish of [
      { requests: { ...own, node: "x" } },
      { requests: { ...own, engine: damaged } },
      { role: "compute", requests: { ...own, operator: "x" } },
      { hosts: ["127.0.0.1", "host."] },
      { hosts: ["x_"] },
    ] as const satisfies readonly unknown[]) {
      const request = proven(token, "n2", {
        ...wish,
        hosts: [...("hosts" in wish ? wish.hosts : ["127.0.0.1"])],
      });
      expect(await codeOf(join(request))).toBe("certificate_invalid");
      expect(await cluster.record("n2")).toBeUndefined();
    }
    expect(cluster.prepared).toEqual([]);
    expect((await cluster.tokens.list())[0]?.state).toBe("open");
  });
});

test("whoever has proved nothing learns nothing", async () => {
  const token = await cluster.token();
  const wrong = { id: parseJoinToken(token).id, mac: "0".repeat(64) };
  const messages = new Set<string>();
  for (const request of [
    unproven("n1", { proof: wrong }),
    unproven("n1", { proof: wrong, version: "9.0.0" }),
    unproven("n2", { proof: wrong, now: 0 }),
    unproven("n2", { proof: { ...wrong, id: "0".repeat(16) } }),
  ]) {
    const thrown = await join(request).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "join_token_invalid" });
    messages.add((thrown as Error).message);
  }
  expect(messages.size).toBe(1);
  for (const wish of [{ version: "9.0.0" }, { now: 0 }]) {
    expect(await codeOf(join(unproven("n2", wish)))).toBe("join_token_invalid");
  }
  await expect(join(unproven("n2", { cluster: "hf-other" }))).rejects.toMatchObject({
    code: "cluster_mismatch",
    message: expect.not.stringContaining(cluster.cluster),
  });
});

describe("a member without a token", () => {
  test("gets certificates for all the keys it joined with, or none", async () => {
    await join(proven(await cluster.token(), "n2", { role: "store" }));
    const own = textsOf(keys);
    const evil = textsOf(await createLeafRequests());
    for (const requests of [
      { ...own, engine: evil.engine, operator: evil.operator },
      { ...own, operator: evil.operator },
      { ...own, node: evil.node },
      { node: own.node, engine: own.operator, operator: own.engine },
    ]) {
      expect(await codeOf(join(unproven("n2", { requests })))).toBe("join_token_invalid");
    }
    expect((await join(unproven("n2"))).certificates.operator).toBeDefined();
  });

  test("keeps the hosts it joined with", async () => {
    const hosts = ["10.0.0.2", "N2.example", "2001:db8::2"];
    await join(proven(await cluster.token(), "n2", { role: "compute", hosts }));
    for (const other of ["10.0.0.1", "n1.cluster.example", "127.0.0.2", "2001:db8::1"]) {
      const request = unproven("n2", { hosts: [...hosts, other] });
      expect(await codeOf(join(request)), other).toBe("certificate_invalid");
    }
    const same = ["n2.example", "2001:DB8:0::2", "localhost", "127.0.0.1", "::1"];
    const { certificates } = await join(unproven("n2", { hosts: same }));
    expect(readCertificate(certificates.node).hosts).toContain("n2.example");
  });

  test("whose record says no hosts has those of its addresses", async () => {
    await join(proven(await cluster.token(), "n2", { role: "store" }));
    const found = await cluster.record("n2");
    if (!found) throw new Error("n2 joined");
    const { hosts: _hosts, ...old } = found;
    await cluster.write({ ...old, url: "https://[2001:db8::2]:7400" });
    await join(unproven("n2", { hosts: ["2001:db8::2", "127.0.0.1"] }));
    expect(await codeOf(join(unproven("n2", { hosts: ["10.0.0.1"] })))).toBe("certificate_invalid");
  });
});

/** A node of the cluster, of any role, that answers joins itself. */
async function startBadNode(answer: (request: JoinRequest) => Promise<object>): Promise<string> {
  const identity = cluster.identity.tls("node");
  if (!identity) throw new Error("the founder has a certificate");
  const { bundle } = cluster.identity;
  const options = serverTlsOptions({ identity, bundle, clientCertificates: "none" });
  const server = createServer(options, (request, response) => {
    void json(request)
      .then((body) => answer(body as JoinRequest))
      .then((answered) => response.end(JSON.stringify(answered)));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("a bad node of the cluster that answers itself", () => {
  const lies: [string, (real: JoinAnswer, evil: JoinAnswer) => object][] = [
    ["with an authority of its own", (_real, evil) => evil],
    [
      "with its authority added",
      (real, evil) => ({ ...real, bundle: [...real.bundle, ...evil.bundle] }),
    ],
    [
      "with its authority beside ours",
      (real, evil) => ({ ...evil, bundle: [...real.bundle, ...evil.bundle] }),
    ],
    ["with engines of its own", (real) => ({ ...real, engines: [] })],
    ["without a proof", ({ proof: _proof, ...real }) => real],
    ["with the answer to another request", (real, evil) => ({ ...real, proof: evil.proof })],
  ];
  test.each(lies)("%s is not believed", async (_name, lie) => {
    const token = await cluster.token();
    const stranger = await startTestCluster(clock);
    try {
      const url = await startBadNode(async (request) => {
        const real = await join(request);
        const { proof: _proof, ...rest } = request;
        const foreign = { ...rest, cluster: stranger.cluster };
        const held = parseJoinToken(await stranger.token());
        const mac = proveJoin(held, provenText(foreign));
        const evil = await stranger.service.join({ ...foreign, proof: { id: held.id, mac } });
        return lie(real, { ...evil, cluster: cluster.cluster });
      });
      const home = cluster.newHome();
      const asked = (urls: readonly string[]) =>
        joinCluster(home, {
          clock,
          say: () => undefined,
          token,
          node: joiningNode("n2"),
          urls: (async function* () {
            yield* urls;
          })(),
        });
      expect(await codeOf(asked([url]))).toBe("certificate_invalid");
      expect(home.readIdentity()).toBeUndefined();
      expect(home.readCluster()).toBeUndefined();
      // The node goes on to one that tells the truth: the replayed request used the token up for it alone.
      expect((await asked([url, cluster.url])).node).toBe("n2");
      expect(home.readIdentity()?.bundle).toEqual(cluster.identity.bundle);
    } finally {
      await stranger.close();
    }
  });

  test("cannot make a member trust another authority by a renewal", async () => {
    const home = cluster.newHome();
    const token = await cluster.token("compute");
    const urls = async function* () {
      yield cluster.url;
    };
    const say = () => undefined;
    const node = joiningNode("n2");
    const file = await joinCluster(home, { clock, say, token, node, urls: urls() });
    const identity = NodeIdentity.load(home, clock);
    const stranger = await startTestCluster(clock);
    try {
      const { bundle } = stranger.identity;
      let lie = (real: JoinAnswer): object => ({ ...real, bundle: [...real.bundle, ...bundle] });
      const url = await startBadNode(async (request) => lie(await join(request)));
      const ask = () =>
        askForCertificates({ ...file, urls: [url] }, identity, node, { clock, say });
      const issued = await ask();
      expect(issued.bundle).toEqual(cluster.identity.bundle);
      expect(new X509Certificate(issued.authority).raw).toEqual(
        new X509Certificate(cluster.identity.bundle[0] ?? "").raw,
      );
      lie = (real) => ({ ...real, authority: bundle[0] });
      expect(await codeOf(ask())).toBe("certificate_invalid");
      lie = (real) => ({
        ...real,
        certificates: { node: cluster.identity.clientCredentials.cert },
      });
      expect(await codeOf(ask())).toBe("certificate_invalid");
    } finally {
      await stranger.close();
    }
  });
});
