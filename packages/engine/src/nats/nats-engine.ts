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
  settledConfig,
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
const firstLookMs = 100;
const createTimeoutMs = 10_000;

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
  const made = await Promise.all(wanted.map((config) => provisionStream(client, config, deadline)));
  if (!made.includes(true)) return;
  const settled = settledConfig(options);
  await client.api(`STREAM.DELETE.${settled.name}`, {}, createTimeoutMs);
  await provisionStream(client, settled, deadline);
}

/** Looks first: what is there needs no metadata leader. True when it had to be made. */
async function provisionStream(
  client: NatsClient,
  wanted: StreamConfig,
  deadline: number,
): Promise<boolean> {
  // A server that has just started drops such questions without an answer.
  for (let timeoutMs = firstLookMs; ; timeoutMs = Math.min(createTimeoutMs, 2 * timeoutMs)) {
    try {
      const found = await client.api<{ config?: StreamConfig }>(
        `STREAM.INFO.${wanted.name}`,
        {},
        timeoutMs,
      );
      if (found.config) {
        checkConfig(wanted, found.config);
        return false;
      }
      if (found.error && found.error.err_code !== streamNotFoundCode) {
        throw answeredError(found.error, `Look at stream ${wanted.name}`);
      }
      const made = await client.api<{ config?: StreamConfig }>(
        `STREAM.CREATE.${wanted.name}`,
        wanted,
        createTimeoutMs,
      );
      if (made.config) {
        checkConfig(wanted, made.config);
        return true;
      }
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
