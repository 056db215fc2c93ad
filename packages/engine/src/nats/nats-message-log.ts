import {
  type AppendOptions,
  type Follower,
  type LogBounds,
  type LogRecord,
  limits,
  type MessageLog,
} from "@holdfast/core";
import { headers } from "@nats-io/transport-node";
import type { NatsClient } from "./nats-client.ts";
import { unavailable } from "./nats-errors.ts";
import { StreamFollower } from "./stream-follower.ts";
import { checkName, checkPayload, logStream, logSubject, logTail } from "./streams.ts";

const readPatienceMs = 5_000;
const retryMs = 20;

/** A log as a JetStream stream with one subject. */
export class NatsMessageLog implements MessageLog {
  readonly #client: NatsClient;

  constructor(client: NatsClient) {
    this.#client = client;
  }

  async append(
    log: string,
    data: Uint8Array,
    { expectedLast }: AppendOptions = {},
  ): Promise<number> {
    const subject = logSubject(checkName(log));
    checkPayload(data);
    const { appendTryMs } = limits;
    if (expectedLast === undefined) {
      return this.#client.store(subject, data, undefined, appendTryMs);
    }
    const expected = headers();
    expected.set("Nats-Expected-Last-Sequence", String(expectedLast));
    return this.#client.store(subject, data, expected, appendTryMs);
  }

  async *read(log: string, from: number): AsyncGenerator<LogRecord> {
    const { first, last } = await this.bounds(log);
    let next = Math.max(from, first);
    let patience = readPatienceMs;
    while (next <= last) {
      const { records } = await this.#client.directBatch(logStream(log), next, logSubject(log));
      for (const { sequence, data } of records) {
        if (sequence > last) return;
        if (sequence !== next && sequence < next) continue;
        yield { sequence, data };
        next = sequence + 1;
      }
      if (records.length > 0) continue;
      // A replica behind the leader; or the records were truncated meanwhile.
      next = Math.max(next, (await this.bounds(log)).first);
      patience -= retryMs;
      if (patience <= 0) throw unavailable(`Read of ${log}: no replica has record ${next}.`);
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  async follow(log: string, from: number, handle: (record: LogRecord) => void): Promise<Follower> {
    // Fails now, not silently later, when the log cannot be reached.
    await this.bounds(log);
    return new StreamFollower(this.#client, {
      stream: logStream(log),
      filter: logSubject(log),
      tail: logTail(log),
      from,
      handle: ({ sequence, data }) => handle({ sequence, data }),
    });
  }

  async bounds(log: string): Promise<LogBounds> {
    const { first, last, bytes } = await this.#client.bounds(logStream(checkName(log)));
    return { first: Math.min(first, last + 1), last, bytes };
  }

  async truncate(log: string, before: number): Promise<void> {
    const { last, first } = await this.bounds(log);
    const keep = Math.min(before, last);
    if (keep <= first) return;
    await this.#client.purge(logStream(log), { seq: keep });
  }
}
