import {
  agentName,
  conversationId,
  type ConversationEvent,
  type Conversations,
  HoldfastError,
  type MessageId,
  organizationName,
  type StoredMessage,
  type TurnId,
} from "@holdfast/core";
import { createVirtualClock } from "@holdfast/testkit";
import { describe, expect, it } from "vitest";
import type { ServerFrame } from "./frames.ts";
import { webchatLimits } from "./limits.ts";
import { VisitorFeed } from "./visitor-feed.ts";

const ref = {
  organization: organizationName("acme"),
  agent: agentName("helper"),
  conversation: conversationId("web:site:direct:v1"),
};
const turn = (number: number) => `t${number}` as TurnId;
const inputId = (number: number) => `m${number}` as MessageId;

/** A conversation whose turns are written first and told after, or never. */
class Told implements Pick<Conversations, "subscribe" | "history"> {
  readonly messages: StoredMessage[] = [];
  listen: (event: ConversationEvent) => void = () => {};
  isStopped = false;

  subscribe(_ref: unknown, listen: (event: ConversationEvent) => void) {
    this.listen = listen;
    return () => {
      this.isStopped = true;
    };
  }

  async history(_ref: unknown, { after, limit }: { after: number; limit: number }) {
    if (this.messages.length === 0) throw new HoldfastError("conversation_not_found", "None.");
    const messages = this.messages.slice(after + 1, after + 1 + limit);
    return { messages, newest: this.messages.length - 1 };
  }

  /** Question, a step with a tool, and the answer. */
  write(number: number): ConversationEvent {
    const first = this.messages.length;
    const common = { at: 1, turn: turn(number) };
    const call = { id: "c", name: "look", arguments: "{}" };
    const added = [
      { id: inputId(number), role: "user", text: `question ${number}` },
      { id: "s0", role: "assistant", text: "let me look", toolCalls: [call] },
      { id: "s1", role: "tool", text: "internal", toolCallId: "c" },
      { id: "s2", role: "assistant", text: `**answer** ${number}` },
    ].map((each, at) => ({ ...common, ...each, index: first + at }) as unknown as StoredMessage);
    this.messages.push(...added);
    return {
      type: "committed",
      turn: turn(number),
      inputs: [inputId(number)],
      messages: added,
      finish: "stop",
      usage: { inputTokens: 1, outputTokens: 1 },
      model: "demo/echo",
    };
  }
}

function watch(told: Told, after = -1, streams = true, isNew = false) {
  const frames: ServerFrame[] = [];
  const clock = createVirtualClock();
  const state = { overflowed: false, begun: 0 };
  const feed = new VisitorFeed({
    conversations: told,
    clock,
    ref,
    after,
    isNew,
    streams,
    html: (markdown) => `<p>${markdown}</p>`,
    tell: async (frame) => void frames.push(frame),
    overflow: () => {
      state.overflowed = true;
    },
    report: () => {},
    beginAnew: async () => {
      state.begun += 1;
    },
    shown: () => {},
  });
  const settled = async () => {
    for (let round = 0; round < 200; round += 1) await Promise.resolve();
  };
  return { feed, frames, clock, state, settled };
}

const texts = (frames: readonly ServerFrame[]) =>
  frames.flatMap((frame) => (frame.type === "message" ? [frame.text] : []));

describe("a visitor", () => {
  it("who is new costs nothing before something is said, and misses nothing then", async () => {
    const told = new Told();
    let reads = 0;
    const read = told.history.bind(told);
    told.history = (...range) => {
      reads += 1;
      return read(...range);
    };
    const { frames, clock, settled } = watch(told, -1, true, true);
    await settled();
    await clock.advance(10 * webchatLimits.idleLookMs);
    expect(frames).toEqual([{ type: "live" }]);
    expect(reads).toBe(0);
    told.listen(told.write(1));
    await settled();
    expect(texts(frames)).toEqual(["question 1", "**answer** 1"]);
  });

  it("sees questions and answers, and nothing of how they were found", async () => {
    const told = new Told();
    told.write(1);
    const { frames, settled } = watch(told);
    await settled();
    expect(texts(frames)).toEqual(["question 1", "**answer** 1"]);
    expect(frames.at(-1)).toEqual({ type: "live" });
  });

  it("sees every answer once, also those of which no event told", async () => {
    const told = new Told();
    const { frames, settled } = watch(told);
    await settled();
    told.listen(told.write(1));
    told.write(2);
    const third = told.write(3);
    told.listen(third);
    told.listen(third);
    await settled();
    expect(texts(frames).filter((text) => text.startsWith("**"))).toEqual([
      "**answer** 1",
      "**answer** 2",
      "**answer** 3",
    ]);
  });

  it("who waits for an answer gets it though nobody told of it", async () => {
    const told = new Told();
    const { feed, frames, clock, settled } = watch(told);
    await settled();
    feed.await(inputId(1), "own-message");
    told.write(1);
    await clock.advance(webchatLimits.awaitedLookMs);
    await settled();
    expect(frames).toContainEqual(
      expect.objectContaining({ type: "message", role: "user", id: "own-message" }),
    );
    expect(texts(frames)).toHaveLength(2);
  });

  it("who comes back gets what is above the newest message known there", async () => {
    const told = new Told();
    told.write(1);
    told.write(2);
    const { frames, settled } = watch(told, 3);
    await settled();
    expect(texts(frames)).toEqual(["question 2", "**answer** 2"]);
  });

  it.each([0, 1])(
    "who has more than there is gets all of the %i turns there are",
    async (turns) => {
      const told = new Told();
      for (let number = 0; number < turns; number += 1) told.write(number);
      const { frames, state, settled } = watch(told, 40);
      await settled();
      expect(state.begun).toBe(1);
      told.listen(told.write(turns));
      await settled();
      expect(texts(frames)).toHaveLength(2 * (turns + 1));
      expect(state.begun).toBe(1);
    },
  );

  it("of a long conversation is shown the end", async () => {
    const told = new Told();
    for (let number = 0; number < 100; number += 1) told.write(number);
    const { frames, settled } = watch(told);
    await settled();
    await settled();
    expect(texts(frames).length).toBe(webchatLimits.historyShown / 2);
    expect(texts(frames).at(-1)).toBe("**answer** 99");
  });

  it("reads an answer as it is written, from its beginning only", async () => {
    const told = new Told();
    const { frames, settled } = watch(told);
    await settled();
    told.listen({ type: "delta", turn: turn(1), text: "in the middle" });
    told.listen({ type: "started", turn: turn(2), inputs: [] });
    told.listen({ type: "delta", turn: turn(2), text: "whole" });
    await settled();
    expect(frames.slice(1)).toEqual([{ type: "typing" }, { type: "delta", text: "whole" }]);
  });

  it("is told nothing before the answer when the account says so", async () => {
    const told = new Told();
    const { frames, settled } = watch(told, -1, false);
    await settled();
    told.listen({ type: "started", turn: turn(1), inputs: [] });
    told.listen({ type: "delta", turn: turn(1), text: "x" });
    await settled();
    expect(frames).toEqual([{ type: "live" }]);
  });

  it("who takes nothing is cut", () => {
    const told = new Told();
    const { state } = watch(told);
    told.listen({ type: "delta", turn: turn(1), text: "x".repeat(webchatLimits.queueChars + 1) });
    expect(state.overflowed).toBe(true);
  });

  it("who leaves hears nothing more", async () => {
    const told = new Told();
    const { feed, frames, settled } = watch(told);
    await settled();
    feed.close();
    told.listen(told.write(1));
    await settled();
    expect(told.isStopped).toBe(true);
    expect(texts(frames)).toEqual([]);
  });
});
