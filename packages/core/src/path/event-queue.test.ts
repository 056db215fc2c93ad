import { describe, expect, test } from "vitest";
import { EventQueue } from "./event-queue.ts";

const queueOf = (maxBytes = 100) => new EventQueue<string>(maxBytes, (event) => event === "last");

async function readAll(queue: EventQueue<string>): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of queue) seen.push(event);
  return seen;
}

describe("an event queue", () => {
  test("hands everything on in order, to a reader before and after the events", async () => {
    const early = queueOf();
    const reading = readAll(early);
    for (const event of ["a", "b"]) early.push(event, 1);
    await Promise.resolve();
    early.push("last", 1);
    early.push("behind the end", 1);
    expect(await reading).toEqual(["a", "b", "last"]);
    const late = queueOf();
    for (const event of ["a", "last"]) late.push(event, 1);
    expect(await readAll(late)).toEqual(["a", "last"]);
  });

  test("gives a reader that lets too much gather what it has, then an error", async () => {
    const queue = queueOf(10);
    for (const event of ["a", "b", "c"]) queue.push(event, 4);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of queue) seen.push(event);
    })();
    await expect(reading).rejects.toMatchObject({ code: "node_busy" });
    expect(seen).toEqual(["a", "b"]);
  });

  test("counts only what waits", async () => {
    const queue = queueOf(10);
    const reading = readAll(queue);
    for (let n = 0; n < 20; n += 1) {
      queue.push(`${n}`, 8);
      for (let tick = 0; tick < 6; tick += 1) await Promise.resolve();
    }
    queue.push("last", 8);
    expect(await reading).toHaveLength(21);
  });

  test("tells once that it ended: by its last event, by its reader, or before anybody asked", async () => {
    const ends: string[] = [];
    const byEvent = queueOf();
    byEvent.onEnd(() => ends.push("event"));
    byEvent.push("last", 1);
    byEvent.end();
    const byReader = queueOf();
    byReader.onEnd(() => ends.push("reader"));
    byReader.push("a", 1);
    for await (const _ of byReader) break;
    const before = queueOf();
    before.end();
    before.onEnd(() => ends.push("before"));
    expect(ends).toEqual(["event", "reader", "before"]);
  });
});
