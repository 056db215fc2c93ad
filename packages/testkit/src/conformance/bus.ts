import type { Engine } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import {
  bytes,
  type Collector,
  collector,
  everyByte,
  type MakeEngine,
  range,
  suiteTimeoutMs,
  text,
  uniqueName,
  views,
} from "./harness.ts";

interface Message {
  readonly subject: string;
  readonly data: Uint8Array;
}

/** Defines the tests that every Bus adapter must pass. */
export function busConformance(name: string, makeEngine: MakeEngine): void {
  describe(`${name}: bus`, { timeout: suiteTimeoutMs }, () => {
    const { open } = views(makeEngine);

    test("messages of one publisher arrive in order, at its own and at another view", async () => {
      const { publisher, subscriber, root } = await pair();
      const own = subscribe(publisher, `${root}.order`);
      const other = subscribe(subscriber, `${root}.order`);
      await ready(publisher, [publisher, subscriber], root);
      for (const index of range(500)) publisher.bus.publish(`${root}.order`, bytes(`${index}`));
      for (const seen of [own, other]) {
        await seen.until("message 499", (items) => items.length >= 500);
        expect(seen.items.map(({ data }) => text(data))).toEqual(range(500).map(String));
      }
    });

    test("a subscription sees the subjects that it names, and no others", async () => {
      const { publisher, subscriber, root } = await pair();
      const patterns = ["a.b", "a.*", "*.b", "a.>", ">", "*", "a.*.c", "a.b.*"];
      const seen = patterns.map((pattern) => subscribe(subscriber, `${root}.${pattern}`));
      await ready(publisher, [subscriber], root);
      const subjects = ["a", "b", "a.b", "a.x", "x.b", "a.b.c", "a.x.c", "ab", "A.b"];
      for (const subject of [...subjects, "mark.mark.mark.mark"])
        publisher.bus.publish(`${root}.${subject}`, bytes("x"));
      await seen[4]?.until("the mark", (items) => items.some((item) => item.subject.endsWith("k")));
      await ready(publisher, [subscriber], root);
      const found = seen.map((messages) =>
        messages.items
          .map(({ subject }) => subject.slice(root.length + 1))
          .filter((subject) => subjects.includes(subject)),
      );
      expect(Object.fromEntries(patterns.map((pattern, index) => [pattern, found[index]]))).toEqual(
        {
          "a.b": ["a.b"],
          "a.*": ["a.b", "a.x"],
          "*.b": ["a.b", "x.b", "A.b"],
          "a.>": ["a.b", "a.x", "a.b.c", "a.x.c"],
          ">": subjects,
          "*": ["a", "b", "ab"],
          "a.*.c": ["a.b.c", "a.x.c"],
          "a.b.*": ["a.b.c"],
        },
      );
    });

    test("two subscriptions of one view each get every message", async () => {
      const { publisher, subscriber, root } = await pair();
      const both = [subscribe(subscriber, `${root}.a`), subscribe(subscriber, `${root}.*`)];
      await ready(publisher, [subscriber], root);
      publisher.bus.publish(`${root}.a`, bytes("x"));
      for (const seen of both)
        await seen.until("the message", (items) =>
          items.some(({ subject }) => subject.endsWith("a")),
        );
    });

    test("every byte value and the empty message arrive as they were sent", async () => {
      const { publisher, subscriber, root } = await pair();
      const seen = subscribe(subscriber, `${root}.binary`);
      await ready(publisher, [subscriber], root);
      publisher.bus.publish(`${root}.binary`, everyByte());
      publisher.bus.publish(`${root}.binary`, new Uint8Array(0));
      await seen.until("two messages", (items) => items.length === 2);
      expect(seen.items.map(({ data }) => [...data])).toEqual([[...everyByte()], []]);
    });

    test("nothing is handed over after a close, and others go on", async () => {
      const { publisher, subscriber, root } = await pair();
      const closed = collector<Message>();
      const subscription = subscriber.bus.subscribe(`${root}.a`, (subject, data) =>
        closed.add({ subject, data }),
      );
      const other = subscribe(subscriber, `${root}.a`);
      await ready(publisher, [subscriber], root);
      publisher.bus.publish(`${root}.a`, bytes("1"));
      await closed.until("the first message", (items) => items.length === 1);
      subscription.close();
      subscription.close();
      publisher.bus.publish(`${root}.a`, bytes("2"));
      await other.until("the second message", (items) => items.length === 2);
      expect(closed.items.length).toBe(1);
    });

    test("what came before a subscription is not kept for it", async () => {
      const { publisher, subscriber, root } = await pair();
      const early = subscribe(subscriber, `${root}.a`);
      await ready(publisher, [subscriber], root);
      publisher.bus.publish(`${root}.a`, bytes("early"));
      await early.until("the early message", (items) => items.length === 1);
      const late = subscribe(subscriber, `${root}.a`);
      await ready(publisher, [subscriber], root);
      publisher.bus.publish(`${root}.a`, bytes("late"));
      await late.until("the late message", (items) => items.length > 0);
      expect(late.items.map(({ data }) => text(data))).toEqual(["late"]);
    });

    async function pair() {
      return { publisher: await open(), subscriber: await open(), root: uniqueName("bus") };
    }
  });
}

function subscribe(engine: Engine, pattern: string): Collector<Message> {
  const seen = collector<Message>();
  engine.bus.subscribe(pattern, (subject, data) => seen.add({ subject, data }));
  return seen;
}

/**
 * Resolves when what the publisher sends reaches what these views subscribed to before. A soft message is
 * lost while word of a subscription still spreads, so the probe is sent again until it comes.
 */
async function ready(publisher: Engine, subscribers: readonly Engine[], root: string) {
  const probe = `probe-${root}.${uniqueName("probe")}`;
  const probes = subscribers.map((engine) => subscribe(engine, probe));
  const send = () => publisher.bus.publish(probe, bytes("?"));
  const repeating = setInterval(send, 20);
  send();
  try {
    for (const seen of probes) await seen.until("a probe", (items) => items.length > 0);
  } finally {
    clearInterval(repeating);
  }
}
