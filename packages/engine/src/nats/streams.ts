import { engineNamePattern, HoldfastError, keyPattern, limits } from "@holdfast/core";

/** Names of streams and subjects. All of one cluster's data stands under `hf`. */
export const streamPrefix = "HF_";
export const logStream = (log: string): string => `HF_LOG_${log}`;
export const logSubject = (log: string): string => `hf.log.${log}`;
export const logTail = (log: string): string => `hf.tail.log.${log}`;
export const bucketStream = (bucket: string): string => `HF_KV_${bucket}`;
export const bucketSubject = (bucket: string, key: string): string => `hf.kv.${bucket}.${key}`;
export const bucketTail = (bucket: string): string => `hf.tail.kv.${bucket}.>`;
export const blobStream = "HF_BLOBS";
export const blobSubject = (blob: string, part: string): string => `hf.blob.${blob}.${part}`;

/** What a stream is made with; `nats-server` fills in the rest. */
export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly storage: "file";
  readonly num_replicas: number;
  readonly allow_direct: true;
  readonly deny_delete: boolean;
  readonly max_msgs_per_subject: number;
  readonly duplicate_window: number;
  readonly allow_msg_ttl?: true;
  readonly republish?: { readonly src: string; readonly dest: string };
  readonly placement?: { readonly tags: readonly string[] };
}

export interface StreamOptions {
  readonly replicas: number;
  readonly placementTags: readonly string[];
}

/** Repeats are recognised by the message path; the engine's own window only costs memory. */
const duplicateWindowNs = 1_000_000_000;

export function logConfig(log: string, options: StreamOptions): StreamConfig {
  return {
    ...common(logStream(checkName(log)), options),
    subjects: [logSubject(log)],
    max_msgs_per_subject: -1,
    republish: { src: logSubject(log), dest: logTail(log) },
  };
}

export function bucketConfig(bucket: string, options: StreamOptions): StreamConfig {
  return {
    ...common(bucketStream(checkName(bucket)), options),
    subjects: [bucketSubject(bucket, ">")],
    max_msgs_per_subject: 1,
    allow_msg_ttl: true,
    republish: { src: bucketSubject(bucket, ">"), dest: bucketTail(bucket) },
  };
}

export function blobConfig(options: StreamOptions): StreamConfig {
  return {
    ...common(blobStream, options),
    subjects: [blobSubject(">", "").slice(0, -1)],
    max_msgs_per_subject: 1,
  };
}

/**
 * A stream without a use of its own. After a restart the server knows the last change of its metadata only
 * when a metadata leader is elected, which takes seconds; when that change is this stream, nothing waits.
 */
export function settledConfig(options: StreamOptions): StreamConfig {
  return { ...common("HF_SETTLED", options), subjects: ["hf.settled"], max_msgs_per_subject: 1 };
}

function common(name: string, { replicas, placementTags }: StreamOptions) {
  return {
    name,
    storage: "file" as const,
    num_replicas: replicas,
    allow_direct: true as const,
    deny_delete: true,
    duplicate_window: duplicateWindowNs,
    ...(placementTags.length > 0 && { placement: { tags: placementTags } }),
  };
}

export function checkName(name: string): string {
  if (engineNamePattern.test(name)) return name;
  throw new HoldfastError("invalid_request", `"${name}" is no name of a log or bucket.`);
}

export function checkKey(key: string): string {
  if (keyPattern.test(key)) return key;
  throw new HoldfastError("invalid_request", `"${key.slice(0, 80)}" is no key.`);
}

export function checkPayload(data: Uint8Array): Uint8Array {
  if (data.byteLength <= limits.enginePayloadBytes) return data;
  throw new HoldfastError(
    "payload_too_large",
    `${data.byteLength} bytes are over the engine's limit of ${limits.enginePayloadBytes} bytes.`,
  );
}
