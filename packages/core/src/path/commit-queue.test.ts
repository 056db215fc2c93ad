import { describe, expect, test } from "vitest";
import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import { AppendGate, CommitQueue } from "./commit-queue.ts";

interface Flight {
  readonly name: string;
  readonly entries: number;
  readonly bytes: number;
  readonly succeed: () => Promise<void>;
  readonly fail: (error: HoldfastError) => Promise<void>;
  /** Waits between two tries, until the result is called. */
  readonly pause: () => Promise<() => Promise<boolean>>;
}

/** Queues on one gate whose appends end when the test says so. */
function createBench(capacity?: number) {
  const soon: (() => void)[] = [];
  const gate = new AppendGate((run) => soon.push(run), capacity);
  const flights: Flight[] = [];
  let sequence = 0;
  const settle = async () => {
    for (let round = 0; round < 10; round += 1) {
      await Promise.resolve();
      for (const run of soon.splice(0)) run();
    }
  };
  const queue = (name: string) =>
    new CommitQueue(
      gate,
      (batch, pause) =>
        new Promise((resolve, reject) => {
          flights.push({
            name,
            entries: batch.length,
            bytes: batch.reduce((sum, entry) => sum + entry.byteLength, 0),
            succeed: () => {
              resolve((sequence += 1));
              return settle();
            },
            fail: (error) => {
              reject(error);
              return settle();
            },
            pause: async () => {
              const wait = Promise.withResolvers<void>();
              let isBack = false;
              const over = pause(() => wait.promise).then(() => (isBack = true));
              over.catch(reject);
              await settle();
              return async () => {
                wait.resolve();
                await settle();
                return isBack;
              };
            },
          });
        }),
    );
  return { queue, flights, settle };
}

const entry = (bytes = 10) => new Uint8Array(bytes);

/** What became of a promise so far. */
function outcomeOf<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const outcome: { value?: T; error?: unknown } = {};
  promise.then(
    (value) => (outcome.value = value),
    (error: unknown) => (outcome.error = error),
  );
  return outcome;
}

describe("a commit queue", () => {
  test("gathers the next batch while one is in flight", async () => {
    const { queue, flights, settle } = createBench();
    const inbox = queue("inbox");
    const first = [inbox.add(entry()), inbox.add(entry())].map(outcomeOf);
    await settle();
    const second = [1, 2, 3].map(() => outcomeOf(inbox.add(entry())));
    await settle();
    expect(flights.map(({ entries }) => entries)).toEqual([2]);
    await flights[0]?.succeed();
    expect(first.map(({ value }) => value)).toEqual([
      { sequence: 1, index: 0 },
      { sequence: 1, index: 1 },
    ]);
    expect(flights.map(({ entries }) => entries)).toEqual([2, 3]);
    await flights[1]?.succeed();
    expect(second.map(({ value }) => value?.index)).toEqual([0, 1, 2]);
  });

  test("splits what is over the limits of a batch, and keeps the order", async () => {
    const { queue, flights, settle } = createBench();
    const inbox = queue("inbox");
    const half = Math.ceil(limits.batchBytes / 2);
    const places = [half, half, 10].map((bytes) => outcomeOf(inbox.add(entry(bytes))));
    const small = Array.from({ length: limits.batchEntries + 1 }, () =>
      outcomeOf(inbox.add(entry())),
    );
    await settle();
    for (let flight = 0; flight < 3; flight += 1) await flights[flight]?.succeed();
    expect(flights.map(({ entries }) => entries)).toEqual([1, limits.batchEntries, 3]);
    expect(flights.every(({ bytes }) => bytes <= limits.batchBytes)).toBe(true);
    const order = [...places, ...small].map(({ value }) => value!.sequence * 4_096 + value!.index);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  test("tells the callers of a failed batch why, and those behind it that nothing was sent", async () => {
    const { queue, flights, settle } = createBench();
    const inbox = queue("inbox");
    const sent = outcomeOf(inbox.add(entry()));
    await settle();
    const behind = outcomeOf(inbox.add(entry()));
    await flights[0]?.fail(new HoldfastError("append_outcome_unknown", "No answer."));
    expect(sent.error).toMatchObject({ code: "append_outcome_unknown", retry: "unknown-outcome" });
    expect(behind.error).toMatchObject({ code: "engine_unavailable", retry: "safe" });
    expect(flights).toHaveLength(1);
    const later = outcomeOf(inbox.add(entry()));
    await settle();
    await flights[1]?.succeed();
    expect(later.value).toEqual({ sequence: 1, index: 0 });
  });

  test("refuses an entry that no batch can hold, and more entries than may wait", async () => {
    const { queue } = createBench();
    const inbox = queue("inbox");
    await expect(inbox.add(entry(limits.batchBytes))).rejects.toMatchObject({
      code: "payload_too_large",
    });
    const many = Array.from({ length: limits.appendQueueEntries }, () => inbox.add(entry(1)));
    await expect(inbox.add(entry(1))).rejects.toMatchObject({
      code: "node_busy",
      retryAfterMs: 1_000,
    });
    inbox.close(new HoldfastError("not_ready", "Closed."));
    expect((await Promise.allSettled(many)).every(({ status }) => status === "rejected")).toBe(
      true,
    );
  });

  test("bounds the bytes that wait", async () => {
    const { queue } = createBench();
    const inbox = queue("inbox");
    const bytes = limits.batchBytes - 64;
    const shared = entry(bytes);
    const fitting = Math.floor(limits.appendQueueBytes / bytes);
    const many = Array.from({ length: fitting }, () => inbox.add(shared));
    await expect(inbox.add(shared)).rejects.toMatchObject({ code: "node_busy" });
    inbox.close(new HoldfastError("not_ready", "Closed."));
    await Promise.allSettled(many);
  });

  test("that is closed fails what waits and lets its append in flight end", async () => {
    const { queue, flights, settle } = createBench();
    const inbox = queue("inbox");
    const sent = outcomeOf(inbox.add(entry()));
    await settle();
    const waiting = outcomeOf(inbox.add(entry()));
    inbox.close(new HoldfastError("not_ready", "Closed."));
    await expect(inbox.add(entry())).rejects.toMatchObject({ code: "not_ready" });
    await flights[0]?.succeed();
    expect(sent.value).toEqual({ sequence: 1, index: 0 });
    expect(waiting.error).toMatchObject({ code: "not_ready" });
    expect(flights).toHaveLength(1);
  });
});

describe("the append gate", () => {
  test("bounds the appends in flight and lets the fullest batch go first", async () => {
    const { queue, flights, settle } = createBench(2);
    const queues = ["a", "b", "c", "d"].map(queue);
    const sizes = [1, 2, 3, 4];
    const added = queues.flatMap((each, number) =>
      Array.from({ length: sizes[number] ?? 0 }, () => each.add(entry())),
    );
    await settle();
    expect(flights.map(({ name }) => name)).toEqual(["d", "c"]);
    await flights[0]?.fail(new HoldfastError("engine_unavailable", "Away."));
    expect(flights.map(({ name }) => name)).toEqual(["d", "c", "b"]);
    await flights[1]?.succeed();
    for (const flight of flights.slice(2)) await flight.succeed();
    await flights[3]?.succeed();
    const results = await Promise.allSettled(added);
    expect(results.filter(({ status }) => status === "rejected")).toHaveLength(4);
  });

  test("goes to other logs while an append waits between two tries", async () => {
    const { queue, flights, settle } = createBench(2);
    const lost = ["a", "b", "c"].map((name) => outcomeOf(queue(name).add(entry())));
    await settle();
    const first = await flights[0]!.pause();
    const second = await flights[1]!.pause();
    const third = await flights[2]!.pause();
    const healthy = outcomeOf(queue("d").add(entry()));
    await settle();
    expect(flights.map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
    // One repeat may run; the other place is for logs that take writes.
    expect(await first()).toBe(true);
    expect(await second()).toBe(false);
    expect(await third()).toBe(false);
    await flights[3]?.succeed();
    expect(healthy.value).toBeDefined();
    const next = outcomeOf(queue("e").add(entry()));
    await settle();
    await flights[4]?.succeed();
    expect(next.value).toBeDefined();
    await flights[0]?.succeed();
    expect(await second()).toBe(true);
    await flights[1]?.succeed();
    expect(await third()).toBe(true);
    await flights[2]?.succeed();
    expect(lost.every(({ value }) => value !== undefined)).toBe(true);
  });
});
