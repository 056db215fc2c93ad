import {
  HoldfastError,
  type KeyChange,
  type KeyEntry,
  type KeyValue,
  type Watch,
} from "@holdfast/core";
import { headers, type MsgHdrs } from "@nats-io/transport-node";
import type { NatsClient, StoredRecord } from "./nats-client.ts";
import { unavailable } from "./nats-errors.ts";
import { StreamFollower } from "./stream-follower.ts";
import {
  bucketStream,
  bucketSubject,
  bucketTail,
  checkKey,
  checkName,
  checkPayload,
} from "./streams.ts";

/** First byte of what is stored under a key. A deletion leaves by itself after a while. */
const isValue = 0;
const isDeleted = 1;
const deletionTtl = "168h";
const retryMs = 20;
const maxRetries = 250;

/** A bucket as a JetStream stream that keeps the last message of each subject. */
export class NatsKeyValue implements KeyValue {
  readonly #client: NatsClient;

  constructor(client: NatsClient) {
    this.#client = client;
  }

  async get(bucket: string, key: string): Promise<KeyEntry | undefined> {
    const record = await this.#last(checkName(bucket), checkKey(key));
    return record && !isDeletion(record) ? toEntry(key, record) : undefined;
  }

  async put(bucket: string, key: string, value: Uint8Array): Promise<number> {
    return this.#client.store(bucketSubject(checkName(bucket), checkKey(key)), tagged(value));
  }

  async update(bucket: string, key: string, value: Uint8Array, revision: number): Promise<number> {
    const subject = bucketSubject(checkName(bucket), checkKey(key));
    try {
      return await this.#client.store(subject, tagged(value), expecting(revision));
    } catch (thrown) {
      if (!isConflict(thrown)) throw thrown;
    }
    // A key that was deleted does not exist, though its deletion still has a revision.
    const last = revision === 0 ? await this.#last(bucket, key) : undefined;
    if (!last || !isDeletion(last)) throw conflict(bucket, key);
    return this.#storeIfUnchanged(bucket, key, tagged(value), expecting(last.sequence));
  }

  async delete(bucket: string, key: string, revision?: number): Promise<void> {
    const last = await this.#last(checkName(bucket), checkKey(key));
    if (!last || isDeletion(last)) return;
    const mark = revision === undefined ? headers() : expecting(revision);
    mark.set("Nats-TTL", deletionTtl);
    await this.#storeIfUnchanged(bucket, key, Uint8Array.of(isDeleted), mark);
  }

  async *list(bucket: string, prefix: string): AsyncGenerator<KeyEntry> {
    const found = new Map<string, KeyEntry>();
    const own = prefix === "" ? undefined : await this.get(bucket, prefix);
    if (own) found.set(own.key, own);
    const under = bucketSubject(checkName(bucket), prefix === "" ? ">" : `${checkKey(prefix)}.>`);
    for await (const record of this.#scan(bucket, under)) {
      const key = keyOf(bucket, record);
      if (!covers(prefix, key)) continue;
      if (isDeletion(record)) found.delete(key);
      else found.set(key, toEntry(key, record));
    }
    yield* [...found.values()].sort((a, b) => a.revision - b.revision);
  }

  async watch(bucket: string, prefix: string, handle: (change: KeyChange) => void): Promise<Watch> {
    if (prefix !== "") checkKey(prefix);
    const { last } = await this.#client.bounds(bucketStream(checkName(bucket)));
    let isStarting = true;
    const follower = new StreamFollower(this.#client, {
      stream: bucketStream(bucket),
      filter: bucketSubject(bucket, ">"),
      tail: bucketTail(bucket),
      from: 1,
      handle: (record) => {
        const key = keyOf(bucket, record);
        if (!covers(prefix, key)) return;
        const isGone = isDeletion(record);
        if (isGone && isStarting && record.sequence <= last) return;
        handle({
          key,
          value: isGone ? undefined : record.data.subarray(1),
          revision: record.sequence,
        });
      },
    });
    await follower.reached(last);
    isStarting = false;
    return follower;
  }

  /**
   * Every message under a subject. With several replicas the whole bucket is read, because only that
   * shows whether the replica that answers has everything.
   */
  async *#scan(bucket: string, under: string): AsyncGenerator<StoredRecord> {
    const stream = bucketStream(bucket);
    const isReplicated = this.#client.asksLeaders;
    const until = isReplicated ? (await this.#client.bounds(stream)).last : 0;
    const filter = isReplicated ? bucketSubject(bucket, ">") : under;
    let next = 1;
    for (let retries = 0; retries < maxRetries; retries += 1) {
      const { records, more } = await this.#client.directBatch(stream, next, filter);
      yield* records;
      next = (records.at(-1)?.sequence ?? next - 1) + 1;
      if (!more && next > until) return;
      if (more) {
        retries = 0;
        continue;
      }
      // Either the replica is behind, or the last records are gone, as deletions are after a while.
      if (records.length === 0 && !(await this.#client.leaderNext(stream, next, filter))) return;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    throw unavailable(`List of ${bucket}: no replica has everything up to revision ${until}.`);
  }

  #last(bucket: string, key: string): Promise<StoredRecord | undefined> {
    return this.#client.last(bucketStream(bucket), bucketSubject(bucket, key));
  }

  async #storeIfUnchanged(
    bucket: string,
    key: string,
    data: Uint8Array,
    expected: MsgHdrs,
  ): Promise<number> {
    try {
      return await this.#client.store(bucketSubject(bucket, key), data, expected);
    } catch (thrown) {
      throw isConflict(thrown) ? conflict(bucket, key) : thrown;
    }
  }
}

function tagged(value: Uint8Array): Uint8Array {
  checkPayload(value);
  const data = new Uint8Array(value.byteLength + 1);
  data[0] = isValue;
  data.set(value, 1);
  return data;
}

function isDeletion(record: StoredRecord): boolean {
  return record.data[0] !== isValue;
}

function toEntry(key: string, { data, sequence }: StoredRecord): KeyEntry {
  return { key, value: data.subarray(1), revision: sequence };
}

function covers(prefix: string, key: string): boolean {
  return prefix === "" || key === prefix || key.startsWith(`${prefix}.`);
}

function keyOf(bucket: string, { subject }: StoredRecord): string {
  return subject.slice(bucketSubject(bucket, "").length);
}

function expecting(revision: number): MsgHdrs {
  const expected = headers();
  expected.set("Nats-Expected-Last-Subject-Sequence", String(revision));
  return expected;
}

function isConflict(thrown: unknown): boolean {
  return thrown instanceof HoldfastError && thrown.code === "wrong_last_sequence";
}

function conflict(bucket: string, key: string): HoldfastError {
  return new HoldfastError("revision_conflict", `${bucket}/${key} was changed by somebody else.`);
}
