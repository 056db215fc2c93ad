import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type AgentName, type OrganizationName, partitionOf, type Random } from "@holdfast/core";
import { createSeededRandom } from "@holdfast/testkit";
import { ownedBy, partitionsOf, until, untilSettled } from "../cluster/admin.ts";
import { type ClusterOptions, LaunchedCluster } from "../cluster/launch-cluster.ts";
import { checkJournals } from "../cluster/journals.ts";
import { startSampler } from "../cluster/sampler.ts";
import type { OperationRecord } from "../model/operations.ts";
import type { NodeApi } from "../traffic/api-client.ts";
import { pause } from "../traffic/conversation-client.ts";
import { monotonicMs, RecordWriter } from "../traffic/record.ts";
import {
  startStub,
  startTraffic,
  type Stub,
  type Traffic,
  type TrafficOptions,
  trafficResources,
} from "../traffic/traffic.ts";
import type { OwnershipSample } from "../validate/check-ownership.ts";
import { latencies, percentiles } from "../validate/figures.ts";
import { type Verified, verify } from "../validate/verify.ts";
import { Findings, type RowResult, type RowSettings } from "./row.ts";

export interface RunOptions {
  readonly stores?: number;
  readonly computes?: number;
  readonly partitions?: number;
  readonly special?: ClusterOptions["special"];
  readonly traffic?: Partial<TrafficOptions>;
  /** Where the stub listens; the nodes must reach it. */
  readonly stubHost?: string;
  /** The compute nodes own all partitions when the load begins. */
  readonly onComputes?: boolean;
  /** The provider's timeout; its default otherwise. */
  readonly modelTimeoutMs?: number;
  /** Milliseconds of undisturbed load before the fault. */
  readonly warmUpMs?: number;
}

export interface Run {
  readonly cluster: LaunchedCluster;
  readonly stub: Stub;
  readonly traffic: Traffic;
  readonly random: Random;
  readonly findings: Findings;
  readonly samples: readonly OwnershipSample[];
  /** When the load began, and when the undisturbed part of it ended. */
  readonly loadFrom: number;
  readonly calmUntil: number;
  /** Writes a fault into the run's log; the time at which it began. */
  fault(what: string): number;
  pause(ms: number): Promise<void>;
  pick<Item>(items: readonly Item[]): Item;
  owned(node: string): Promise<number[]>;
  /** Whether the conversation lives in one of these partitions. */
  isIn(operations: readonly OperationRecord[], partitions: readonly number[]): boolean;
  /** Ends the load, lets the cluster settle, and checks everything through every running node. */
  finish(): Promise<Verified>;
}

const defaults = { stores: 3, computes: 2, partitions: 12, warmUpMs: 20_000 };

/** A cluster under load, and behind the fault its check. Everything that was started is ended. */
export async function withTraffic(
  settings: RowSettings,
  options: RunOptions,
  body: (run: Run) => Promise<void>,
): Promise<RowResult> {
  const { seed, folder } = settings;
  const { stores, computes, partitions, warmUpMs } = { ...defaults, ...options };
  mkdirSync(folder, { recursive: true });
  const log = new RecordWriter(join(folder, "faults.jsonl"));
  const findings = new Findings();
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const cluster = await LaunchedCluster.start({
      folder,
      stores,
      computes,
      partitions,
      ...(options.special && { special: options.special }),
    });
    stops.push(() => cluster.close());
    const stub = await startStub(folder, options.stubHost ? { host: options.stubHost } : {});
    stops.push(() => stub.stop());
    const first = cluster.api("store-1");
    const { resources, agents } = trafficResources(stub, partitions * 4, options.modelTimeoutMs);
    // The streams may be getting their replicas just now.
    await until("the agents are declared", 60_000, async () => {
      await first.must("POST", "/api/v1/apply", { body: { resources }, timeoutMs: 30_000 });
      return true;
    });
    await untilSettled(first, stores + computes);
    if (stores >= 3) await cluster.untilGrown();
    if (options.onComputes) await moveToComputes(cluster);
    const apis = () => new Map(cluster.running.map(({ name }) => [name, cluster.api(name)]));
    const sampler = startSampler(apis());
    stops.push(async () => {
      await sampler.stop();
      const samples = new RecordWriter(join(folder, "owners.jsonl"));
      for (const sample of sampler.samples) samples.write(sample);
      samples.close();
    });
    const traffic = await startTraffic(folder, {
      nodes: cluster.nodes.map(({ name, url }) => ({ name, url })),
      token: cluster.token,
      ...(cluster.ca && { ca: cluster.ca }),
      seed,
      conversations: settings.conversations,
      agents,
      ratePerSecond: settings.ratePerSecond,
      ...options.traffic,
    });
    stops.push(() => traffic.stop());
    const random = createSeededRandom(seed);
    const loadFrom = monotonicMs();
    await pause(warmUpMs);
    const calmUntil = monotonicMs();
    await body({
      cluster,
      stub,
      traffic,
      random,
      findings,
      samples: sampler.samples,
      loadFrom,
      calmUntil,
      pause,
      fault(what) {
        const at = monotonicMs();
        log.write({ at, what });
        return at;
      },
      pick(items) {
        const item = items[Math.floor(random.next() * items.length)];
        if (item === undefined) throw new Error("There is nothing to pick from.");
        return item;
      },
      async owned(node) {
        return ownedBy(await partitionsOf(anyOther(cluster, node)), node);
      },
      isIn: (operations, wanted) => wanted.includes(partitionOfAgent(operations, partitions)),
      async finish() {
        await traffic.finish();
        const live = apis();
        const [api] = live.values();
        if (api) await untilSettled(api, live.size);
        const verified = await verify(traffic.recordFile, stub.effectsFile, live);
        const store = cluster.running.find(({ roles }) => roles.includes("store"));
        if (store) {
          const { name, launch } = store;
          const host = launch.env["HOLDFAST_HOST"] ?? "127.0.0.1";
          const journals = await checkJournals({ name, home: launch.home, host }, partitions);
          for (const { violations } of journals) findings.violated(violations);
          const epochs = journals.reduce((sum, { owners }) => sum + owners.length, 0);
          findings.note("journal epochs", epochs);
        }
        noteVerified(findings, verified, { from: loadFrom, to: calmUntil });
        return verified;
      },
    });
  } catch (thrown) {
    const said = thrown instanceof Error ? thrown.message : String(thrown);
    findings.misses.push(`ended by: ${said.slice(0, 2_000)}`);
  } finally {
    for (const stop of stops.toReversed()) await stop();
    log.close();
  }
  return findings;
}

/** Moving little, the cluster leaves partitions where they are while all nodes are idle. */
async function moveToComputes(cluster: LaunchedCluster): Promise<void> {
  const stores = cluster.nodes.filter(({ roles }) => roles.includes("store"));
  const api = cluster.store();
  for (const { name } of stores) await api.must("POST", `/api/v1/nodes/${name}/drain`);
  await until("the compute nodes own everything", 60_000, async () => {
    const partitions = await partitionsOf(api);
    const left = stores.flatMap(({ name }) => ownedBy(partitions, name));
    const closed = partitions.filter(({ isOpen }) => !isOpen);
    return (left.length === 0 && closed.length === 0) || `stores own ${left.join(" ")}`;
  });
  for (const { name } of stores) await api.must("POST", `/api/v1/nodes/${name}/activate`);
}

function anyOther(cluster: LaunchedCluster, node: string): NodeApi {
  const other = cluster.running.find(({ name }) => name !== node);
  return cluster.api(other?.name ?? node);
}

function partitionOfAgent(operations: readonly OperationRecord[], partitions: number): number {
  const [organization = "", agent = ""] = operations[0]?.agent.split("/") ?? [];
  const ref = { organization: organization as OrganizationName, agent: agent as AgentName };
  return partitionOf(ref, partitions);
}

function noteVerified(
  findings: Findings,
  verified: Verified,
  calm: { readonly from: number; readonly to: number },
): void {
  const before = percentiles(latencies(verified.operations, calm));
  findings
    .note("acknowledged", verified.acknowledged)
    .note("answered", verified.answered)
    .note("effects", verified.effects)
    .note("flagged", verified.flagged)
    .note("calm p50", before.p50)
    .note("calm p99", before.p99)
    .atMost("given up", verified.givenUp, 0)
    .violated(verified.violations);
}

/** Fault logs and records are worth keeping only when something went wrong. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

/** Resident memory, bytes. */
export function residentBytes(pid: number): number {
  try {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(found?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
