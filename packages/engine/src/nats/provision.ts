import { HoldfastError, type ProvisionPlan } from "@holdfast/core";
import { headers } from "@nats-io/transport-node";
import type { NatsClient } from "./nats-client.ts";
import { answeredError } from "./nats-errors.ts";
import {
  blobConfig,
  bucketConfig,
  logConfig,
  settledConfig,
  type StreamConfig,
  type StreamOptions,
} from "./streams.ts";

const streamExistsCode = 10058;
const streamNotFoundCode = 10059;
const otherStream = "expected stream does not match";
const retryMs = 50;
/** Of the first try; each further one waits twice as long. */
const firstTimeoutMs = 100;
const createTimeoutMs = 10_000;

/**
 * Makes the streams of a plan that are not there, with as many replicas as those that are; with
 * `options.replicas` when there is none. Errors: `engine_unavailable`, `engine_too_old`, `invalid_configuration`
 * where the engine cannot keep as many.
 */
export async function provision(
  client: NatsClient,
  plan: ProvisionPlan,
  options: StreamOptions,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const configs = (from: StreamOptions) => [
    ...plan.logs.map((log) => logConfig(log, from)),
    ...plan.buckets.map((bucket) => bucketConfig(bucket, from)),
    blobConfig(from),
  ];
  const found = await Promise.all(configs(options).map((config) => look(client, config, deadline)));
  if (!found.includes(undefined)) return;
  const counts = found.flatMap((config) => (config ? [config.num_replicas] : []));
  const like = { ...options, ...(counts.length > 0 && { replicas: Math.max(...counts) }) };
  const missing = configs(like).filter((_, place) => found[place] === undefined);
  await Promise.all(missing.map((config) => make(client, config, deadline)));
  await Promise.all(missing.map((config) => untilWritable(client, config, deadline)));
  // With several replicas a restart waits for elections anyway.
  if (like.replicas > 1) return;
  const settled = settledConfig(like);
  await patiently(client, deadline, (timeoutMs) =>
    client.api(`STREAM.DELETE.${settled.name}`, {}, timeoutMs),
  );
  await make(client, settled, deadline);
}

/** What is there needs no metadata leader to be seen. Undefined when it is not there. */
function look(
  client: NatsClient,
  wanted: StreamConfig,
  deadline: number,
): Promise<StreamConfig | undefined> {
  return patiently(client, deadline, async (timeoutMs) => {
    const { config, error } = await client.api<{ config?: StreamConfig }>(
      `STREAM.INFO.${wanted.name}`,
      {},
      timeoutMs,
    );
    if (config) {
      checkConfig(wanted, config);
      return config;
    }
    if (error && error.err_code !== streamNotFoundCode) {
      throw answeredError(error, `Look at stream ${wanted.name}`);
    }
    return undefined;
  });
}

function make(client: NatsClient, wanted: StreamConfig, deadline: number): Promise<void> {
  return patiently(client, deadline, async () => {
    const { config, error } = await client.api<{ config?: StreamConfig }>(
      `STREAM.CREATE.${wanted.name}`,
      wanted,
      createTimeoutMs,
    );
    if (config) return checkConfig(wanted, config);
    if (error?.err_code === streamExistsCode) {
      // Another node made it in between, perhaps with another count of replicas.
      await look(client, wanted, deadline);
      return;
    }
    if (error) throw answeredError(error, `Create stream ${wanted.name}`);
  });
}

/** The servers tell each other of a new stream's subjects after it was made: until then nobody answers. */
function untilWritable(
  client: NatsClient,
  { subjects: [subject = ""] }: StreamConfig,
  deadline: number,
): Promise<void> {
  return patiently(client, deadline, async () => {
    // Never stored: it asks for another stream.
    const nothing = headers();
    nothing.set("Nats-Expected-Stream", "none");
    const word = subject.replace(">", "none");
    await client.store(word, new Uint8Array(0), nothing).catch((thrown: unknown) => {
      const isAnswered = thrown instanceof HoldfastError && thrown.message.includes(otherStream);
      if (!isAnswered) throw thrown;
    });
  });
}

/** Tries until it works. A server that has just started drops questions without an answer. */
async function patiently<T>(
  client: NatsClient,
  deadline: number,
  attempt: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  for (let timeoutMs = firstTimeoutMs; ; timeoutMs = Math.min(createTimeoutMs, 2 * timeoutMs)) {
    try {
      return await attempt(timeoutMs);
    } catch (thrown) {
      const isLate = performance.now() > deadline || client.isClosed;
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
