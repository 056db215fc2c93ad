import { expect, test } from "vitest";
import type { MessageId, NodeId, TurnId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { ConversationEvent, StoredMessage } from "../messages.ts";
import type { Bus } from "../ports/bus.ts";
import type { Clock } from "../ports/clock.ts";
import { Egress } from "./egress.ts";

/** The engine's drops what is too large without a word. */
function memoryBus(): Bus {
  const handlers = new Map<string, (subject: string, data: Uint8Array) => void>();
  return {
    publish(subject, data) {
      expect(data.byteLength).toBeLessThanOrEqual(limits.enginePayloadBytes);
      handlers.get(subject)?.(subject, data);
    },
    subscribe(subject, handle) {
      handlers.set(subject, handle);
      return { close: () => handlers.delete(subject) };
    },
  };
}

const clock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  schedule: () => () => {},
  soon: (run) => run(),
};

/** What a watcher at another node hears. */
function heardElsewhere(event: ConversationEvent): ConversationEvent[] {
  const bus = memoryBus();
  const node = (name: string) =>
    new Egress({
      node: name as NodeId,
      bus,
      clock,
      ownerOf: () => "owner" as NodeId,
      report: (error) => expect.unreachable(error.message),
    });
  const owner = node("owner");
  const heard: ConversationEvent[] = [];
  node("other").watch("c", (one) => heard.push(one));
  owner.emit("c", [], event);
  return heard;
}

function committed(...lengths: readonly number[]): ConversationEvent {
  const id = "m1" as MessageId;
  const turn = "t1" as TurnId;
  return {
    type: "committed",
    turn,
    inputs: [id],
    messages: lengths.map(
      (length, index): StoredMessage => ({
        index,
        id,
        turn,
        role: "assistant",
        text: "x".repeat(length),
        at: 0,
      }),
    ),
    finish: "stop",
    usage: { inputTokens: 1, outputTokens: 1 },
    model: "demo/echo",
  };
}

const indexes = (event: ConversationEvent | undefined) =>
  event?.type === "committed" ? event.messages.map(({ index }) => index) : undefined;

test("a commit goes to watchers at other nodes as it is", () => {
  const event = committed(10, 20);
  expect(heardElsewhere(event)).toEqual([event]);
});

test("of a commit that the bus cannot take, the newest messages go", () => {
  const third = Math.floor(limits.enginePayloadBytes / 3);
  const [event] = heardElsewhere(committed(third, third, third, 100));
  expect(indexes(event)).toEqual([1, 2, 3]);
  const all = limits.enginePayloadBytes;
  expect(heardElsewhere(committed(10, all))).toEqual([]);
});

test("a commit that just fits, and one that just does not", () => {
  const heard = new Set<string>();
  for (let rest = 500; rest > 0; rest -= 10) {
    const [event] = heardElsewhere(committed(10, limits.enginePayloadBytes - rest));
    heard.add(String(indexes(event)));
  }
  expect([...heard]).toEqual(["0,1", "1", "undefined"]);
});
