import type { NatsClient } from "../nats/nats-client.ts";
import { answeredError } from "../nats/nats-errors.ts";
import { streamPrefix, type StreamConfig } from "../nats/streams.ts";
import type { SystemAccount } from "./system-account.ts";

/** How the servers and their streams are now. */
export interface EngineHealth {
  /** Undefined while there is none: streams cannot be made or changed. */
  readonly metaLeader: string | undefined;
  /** Members of the metadata's group, witnesses too; empty without a leader. */
  readonly servers: readonly PeerHealth[];
  readonly streams: readonly StreamHealth[];
}

export interface StreamHealth {
  readonly name: string;
  readonly replicas: number;
  readonly leader: string | undefined;
  /** The leader too; empty without one. */
  readonly peers: readonly PeerHealth[];
}

export interface PeerHealth {
  readonly name: string;
  /** Not known to have stopped; a crash is known after minutes only. */
  readonly isOnline: boolean;
  /** The leader has not heard of it lately, or not yet. */
  readonly isSilent: boolean;
  /** Has everything, or nearly so. */
  readonly isCurrent: boolean;
  /** Entries that it does not have yet. */
  readonly lag: number;
}

interface StreamInfo {
  readonly config?: StreamConfig;
  readonly cluster?: { readonly leader?: string; readonly replicas?: readonly Replica[] };
}

interface Replica {
  readonly name: string;
  readonly current: boolean;
  readonly offline?: boolean;
  /** Nanoseconds since the leader heard of it; 0 when it never did. */
  readonly active?: number;
  readonly lag?: number;
}

const questionsAtOnce = 8;
/** Servers hear of one another every second. */
const silenceNs = 5e9;
const apiTimeoutMs = 2_000;
/** A page of names as nats-server gives it. */
const maxPages = 100;

export async function readHealth(client: NatsClient, system: SystemAccount): Promise<EngineHealth> {
  const [meta, names] = await Promise.all([system.metaCluster(), streamNames(client)]);
  const streams: StreamHealth[] = [];
  const worker = async () => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      streams.push(
        await streamHealth(client, name).catch(() => ({
          name,
          replicas: 0,
          leader: undefined,
          peers: [],
        })),
      );
    }
  };
  await Promise.all(Array.from({ length: questionsAtOnce }, worker));
  return {
    metaLeader: meta?.leader,
    servers: peersOf(meta?.leader, meta?.replicas),
    streams: streams.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Errors: `engine_unavailable`. */
export async function streamHealth(client: NatsClient, name: string): Promise<StreamHealth> {
  const { config, cluster, error } = await client.api<StreamInfo>(
    `STREAM.INFO.${name}`,
    {},
    apiTimeoutMs,
  );
  if (error) throw answeredError(error, `Look at stream ${name}`);
  return {
    name,
    replicas: config?.num_replicas ?? 0,
    leader: cluster?.leader || undefined,
    peers: peersOf(cluster?.leader, cluster?.replicas),
  };
}

/** Errors: `engine_unavailable`. */
export async function configOf(client: NatsClient, name: string): Promise<StreamConfig> {
  const { config, error } = await client.api<StreamInfo>(`STREAM.INFO.${name}`, {}, apiTimeoutMs);
  if (error || !config) {
    throw answeredError(error ?? { code: 500, description: "no configuration" }, name);
  }
  return config;
}

/** Asks the metadata's leader. */
async function streamNames(client: NatsClient): Promise<string[]> {
  const names: string[] = [];
  for (let page = 0; page < maxPages; page += 1) {
    const { streams, total, error } = await client.api<{
      streams?: readonly string[] | null;
      total?: number;
    }>("STREAM.NAMES", { offset: names.length }, apiTimeoutMs);
    if (error) throw answeredError(error, "List the streams");
    names.push(...(streams ?? []));
    if (!streams || streams.length === 0 || names.length >= (total ?? 0)) break;
  }
  return names.filter((name) => name.startsWith(streamPrefix));
}

function peersOf(leader: string | undefined, replicas: readonly Replica[] = []): PeerHealth[] {
  if (!leader) return [];
  const others = replicas.map(({ name, current, offline = false, active = 0, lag = 0 }) => ({
    name,
    isOnline: !offline,
    isSilent: !current && (active === 0 || active > silenceNs),
    isCurrent: current,
    lag,
  }));
  const own = { name: leader, isOnline: true, isSilent: false, isCurrent: true, lag: 0 };
  return [own, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
}
