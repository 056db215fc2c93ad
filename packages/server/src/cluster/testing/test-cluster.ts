import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Clock,
  clusterBucket,
  encodeJson,
  nodeKey,
  type NodeId,
  type NodeRecord,
} from "@holdfast/core";
import { createMemoryEngine, createMemoryStore } from "@holdfast/engine";
import { createJoinTokens, serverTlsOptions } from "@holdfast/security";
import type { ClusterEntry } from "../../http/cluster-entry.ts";
import { startTestApi } from "../../http/testing/test-api.ts";
import { systemClock } from "../../system-clock.ts";
import { systemRandom as random } from "../../system-random.ts";
import { ClusterHome } from "../cluster-home.ts";
import { foundCluster, settleAuthority, textsOf } from "../found-cluster.ts";
import { NodeIdentity } from "../identity.ts";
import { issueIdentity } from "../issue-identity.ts";
import type { JoiningNode } from "../join.ts";
import { JoinService } from "../join-service.ts";
import { storeEntry } from "../store-entry.ts";

/** A node that lets others in: real authority, tokens, API and TLS, over an engine in memory. */
export async function startTestCluster(clock: Clock) {
  const folders: string[] = [];
  const newHome = () => {
    const path = mkdtempSync(join(tmpdir(), "holdfast-join-"));
    folders.push(path);
    return new ClusterHome(path);
  };
  const engine = createMemoryEngine(createMemoryStore(), { clock: systemClock });
  await engine.provision({ logs: [], buckets: [clusterBucket, "authority"] });
  const { keyValue } = engine;
  const home = newHome();
  const { cluster } = await foundCluster(home, { node: "n1", hosts: ["127.0.0.1"], clock, random });
  const authority = await settleAuthority(home, { keyValue, clock, random, cluster });
  const identity = NodeIdentity.load(home, clock);
  const tokens = createJoinTokens({ keyValue, random, clock });
  const prepared: NodeRecord[] = [];
  const silent = new Set<string>();
  const service = new JoinService({
    cluster,
    version: "1.4.0",
    partitions: 8,
    keyValue,
    authority,
    tokens,
    clock,
    isSilent: ({ node }) => silent.has(node),
    prepare: async (record) => void prepared.push(record),
    say: () => undefined,
  });
  let url = "";
  const door = { cluster, service, authority, tokens, urls: () => [url] };
  const store = storeEntry({ ...door, letsIn: true });
  const entry: { -readonly [Field in keyof ClusterEntry]: ClusterEntry[Field] } = {
    store,
    storeUrl: () => undefined,
  };
  const api = await startTestApi({}, entry);
  const tls = identity.tls("node");
  if (!tls) throw new Error("the founder has no certificate");
  const server = createServer(
    serverTlsOptions({ identity: tls, bundle: identity.bundle, clientCertificates: "optional" }),
    (request, response) => api.app.routing(request, response),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await write(record("n1", "store", url));

  async function write(value: NodeRecord): Promise<void> {
    await keyValue.put(clusterBucket, nodeKey(value.node), encodeJson(value));
  }

  return {
    cluster,
    url,
    api,
    home,
    newHome,
    keyValue,
    authority,
    identity,
    tokens,
    service,
    store,
    /** As on an engine that somebody else runs. */
    closedStore: storeEntry({ ...door, letsIn: false }),
    /** What the API stands on; may be changed. */
    entry,
    prepared,
    /** Names of members that nobody hears of. */
    silent,
    write,
    /** A new authority signs, and the API shows a certificate of it. */
    async rotate(): Promise<void> {
      await authority.begin();
      const { bundle, generation } = await authority.sign();
      const { requests } = identity;
      const subject = { cluster, node: "n1", role: "store", hosts: ["127.0.0.1"] } as const;
      const issued = await issueIdentity(authority, { ...subject, requests: textsOf(requests) });
      identity.replace({ ...issued, bundle: [...bundle], generation });
      const renewed = identity.tls("node");
      if (!renewed) throw new Error("the founder has no certificate");
      const options = { identity: renewed, bundle, clientCertificates: "optional" } as const;
      server.setSecureContext(serverTlsOptions(options));
    },
    token: async (role?: "store" | "compute") => (await store.createToken(role)).token,
    async record(node: string): Promise<NodeRecord | undefined> {
      const found = await keyValue.get(clusterBucket, nodeKey(node as NodeId));
      return found && (JSON.parse(Buffer.from(found.value).toString()) as NodeRecord);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await api.close();
      await engine.close();
      for (const folder of folders) rmSync(folder, { recursive: true });
    },
  };
}

export type TestCluster = Awaited<ReturnType<typeof startTestCluster>>;

export function record(node: string, role: "store" | "compute", url: string): NodeRecord {
  return {
    node: node as NodeId,
    role,
    state: "active",
    url,
    version: "1.4.0",
    zone: "",
    labels: {},
    capacity: 1,
    ...(role === "store" && {
      engine: { host: "127.0.0.1", clientPort: 20_001, routePort: 20_002 },
    }),
    joinedAt: 1,
  };
}

/** What a node that joins tells of itself. */
export function joiningNode(node: string): JoiningNode {
  return {
    node,
    url: "https://127.0.0.1:7402",
    version: "1.4.2",
    zone: "a",
    labels: { disk: "ssd" },
    capacity: 1,
    hosts: ["127.0.0.1", "localhost"],
    engine: { host: "127.0.0.1", clientPort: 20_011, routePort: 20_012 },
  };
}
