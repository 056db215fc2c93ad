import { type Engine, HoldfastError, type ProvisionPlan } from "@holdfast/core";
import { connect, type ConnectionOptions } from "@nats-io/transport-node";
import { NatsBlobStore } from "./nats-blob-store.ts";
import { NatsBus } from "./nats-bus.ts";
import { NatsClient } from "./nats-client.ts";
import { answeredError, unavailable } from "./nats-errors.ts";
import { NatsKeyValue } from "./nats-key-value.ts";
import { NatsMessageLog } from "./nats-message-log.ts";
import {
  blobConfig,
  bucketConfig,
  logConfig,
  type StreamConfig,
  type StreamOptions,
} from "./streams.ts";

export interface NatsEngineOptions extends StreamOptions {
  readonly connection: ConnectionOptions;
  /** How long provisioning waits for the cluster's metadata leader. */
  readonly provisionTimeoutMs?: number;
  /** Asked before each write: why it may not be tried. */
  readonly refusal?: () => HoldfastError | undefined;
}

export interface NatsEngine extends Engine {
  readonly serverVersion: string;
  readonly isConnected: () => boolean;
}

const streamExistsCode = 10058;
const streamNotFoundCode = 10059;
const retryMs = 50;

/** Connects to the engine. Errors: `engine_unavailable`. */
export async function createNatsEngine(options: NatsEngineOptions): Promise<NatsEngine> {
  const connection = await connect({
    ...options.connection,
    reconnect: true,
    // A trace for each request costs an Error each; the message names the request.
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 100,
    pingInterval: 5_000,
    maxPingOut: 2,
    ignoreClusterUpdates: false,
  }).catch((thrown: unknown) => {
    throw unavailable("The engine does not accept the connection.", thrown);
  });
  const client = new NatsClient(connection, options.refusal);
  const { replicas } = options;
  return {
    messageLog: new NatsMessageLog(client),
    keyValue: new NatsKeyValue(client, replicas),
    blobStore: new NatsBlobStore(client, replicas),
    bus: new NatsBus(client),
    serverVersion: connection.info?.version ?? "unknown",
    isConnected: () => client.isConnected,
    provision: (plan) => provision(client, plan, options),
    close: () => client.close(),
  };
}

async function provision(
  client: NatsClient,
  plan: ProvisionPlan,
  options: NatsEngineOptions,
): Promise<void> {
  const deadline = performance.now() + (options.provisionTimeoutMs ?? 20_000);
  const wanted = [
    ...plan.logs.map((log) => logConfig(log, options)),
    ...plan.buckets.map((bucket) => bucketConfig(bucket, options)),
    blobConfig(options),
  ];
  for (const config of wanted) await provisionStream(client, config, deadline);
}

/** Looks first: what is there needs no metadata leader. */
async function provisionStream(
  client: NatsClient,
  wanted: StreamConfig,
  deadline: number,
): Promise<void> {
  for (;;) {
    try {
      const found = await client.api<{ config?: StreamConfig }>(`STREAM.INFO.${wanted.name}`, {});
      if (found.config) return checkConfig(wanted, found.config);
      if (found.error && found.error.err_code !== streamNotFoundCode) {
        throw answeredError(found.error, `Look at stream ${wanted.name}`);
      }
      const made = await client.api<{ config?: StreamConfig }>(
        `STREAM.CREATE.${wanted.name}`,
        wanted,
        10_000,
      );
      if (made.config) return checkConfig(wanted, made.config);
      if (made.error && made.error.err_code !== streamExistsCode) {
        throw answeredError(made.error, `Create stream ${wanted.name}`);
      }
    } catch (thrown) {
      const isLate = performance.now() > deadline || client.connection.isClosed();
      if (isLate || !(thrown instanceof HoldfastError) || thrown.retry !== "safe") throw thrown;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}

/** Older servers drop settings they do not know without a word, so what was made is compared. */
function checkConfig(wanted: StreamConfig, found: StreamConfig): void {
  const mustMatch = ["storage", "allow_direct", "allow_msg_ttl", "max_msgs_per_subject"] as const;
  const wrong = mustMatch.filter(
    (setting) => (wanted[setting] ?? false) !== (found[setting] ?? false),
  );
  const isRepublished = wanted.republish?.dest === found.republish?.dest;
  if (wrong.length > 0 || !isRepublished) {
    throw new HoldfastError(
      "engine_too_old",
      `Stream ${wanted.name} does not have the settings it needs (${[...wrong, ...(isRepublished ? [] : ["republish"])].join(", ")}): another program made it, or the server does not know them.`,
    );
  }
}
