import type { ConversationEvent, StoredMessage } from "@holdfast/core";
import type { Answer } from "@holdfast/sdk";
import { beforeEach, describe, expect, it } from "vitest";
import { AnswerView } from "./answer-view.ts";

let shown: string;
let view: AnswerView;
beforeEach(() => {
  shown = "";
  view = new AnswerView({
    text: (piece) => (shown += piece),
    remark: (line) => (shown += `\n${line}\n`),
  });
});

const started = (input: string, turn = "t1") => ({ type: "started", turn, inputs: [input] });
const delta = (text: string, turn = "t1") => ({ type: "delta", turn, text });
const message = (role: string, text: string) => ({ role, text }) as StoredMessage;
const committed = (input: string, ...messages: StoredMessage[]) => ({
  type: "committed",
  turn: "t1",
  inputs: [input],
  messages,
});
const give = (...events: object[]) => {
  for (const event of events) view.event(event as ConversationEvent);
};
const answer = (text: string) =>
  ({ reply: text, messages: [message("assistant", text)] }) as unknown as Answer;

describe("AnswerView", () => {
  it("shows the deltas of its own turn, also those that came before the id", () => {
    give(started("m2", "t2"), delta("other", "t2"), started("m1"), delta("Hel"));
    expect(shown).toBe("");
    view.accepted("m1");
    give(delta("lo"), committed("m1", message("user", "hi"), message("assistant", "Hello")));
    view.answer(answer("Hello"));
    expect(shown).toBe("Hello");
  });

  it("adds what deltas did not bring, and shows the answer once", () => {
    view.accepted("m1");
    give(started("m1"), delta("Hel"));
    view.answer(answer("Hello there"));
    give(delta("lo there"), committed("m1", message("assistant", "Hello there")));
    expect(shown).toBe("Hello there");
  });

  it("goes on where it was when a turn is run again with the same words", () => {
    view.accepted("m1");
    give(started("m1"), delta("Hello "), started("m1", "t9"), delta("Hel", "t9"));
    give(delta("lo you", "t9"));
    expect(shown).toBe("Hello you");
  });

  it("says so when the turn is run again with other words", () => {
    view.accepted("m1");
    give(started("m1"), delta("Hello "), started("m1", "t9"), delta("Good day", "t9"));
    view.answer(answer("Good day"));
    expect(shown).toBe("Hello \n[the answer begins anew]\nGood day");
  });

  it("shows tools and passing failures beside the text of all steps", () => {
    view.accepted("m1");
    give({ type: "failed", inputs: ["m1"], code: "model_timeout", message: "Slow.", final: false });
    give(started("m1"), delta("Looking."));
    give({ type: "tool", turn: "t1", name: "clock", state: "running" }, delta("Noon."));
    give(
      committed(
        "m1",
        message("assistant", "Looking."),
        message("tool", "12"),
        message("assistant", "Noon."),
      ),
    );
    expect(shown).toBe(
      "\n[model_timeout: Slow. It is tried again.]\nLooking.\n[clock running]\nNoon.",
    );
  });
});
