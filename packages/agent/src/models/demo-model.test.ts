import type { ModelMessage } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { createFixture } from "./testing/fixture.ts";

const { ask, clock } = createFixture([]);
const say = (text: string, earlier: readonly ModelMessage[] = []) =>
  ask({ model: "demo/greeter", messages: [...earlier, { role: "user", text }] });
const user = (text: string): ModelMessage => ({ role: "user", text });
const tools = [{ name: "clock", description: "Tells the time", parameters: {} }];

describe("demo/greeter", () => {
  test.each([
    ["Hello", /demo model/],
    ["Guten Tag", /only the demo model.*Guten Tag/],
    ["What can you do?", /offline[\s\S]*\/tool NAME/],
    ["Echo good morning", /^good morning$/],
    ["What is 12 * (3 + 4)?", /^12 \* \(3 \+ 4\) = 84$/],
    ["what's 7 / 2", /^7 \/ 2 = 3.5$/],
    ["1 / 0", /no rule/],
    ["2024-", /no rule/],
    ["What is my name?", /not told me/],
    ["My name is Ada", /Ada/],
    ["", /empty message/],
  ])("%s", async (text, expected) => {
    const answer = await say(text);
    expect(answer.text).toMatch(expected);
    expect(answer.finish).toMatchObject({ reason: "stop", model: "demo/greeter" });
    expect(await say(text)).toEqual(answer);
  });

  test("remembers a name from the history, streams in chunks, and sets no timer", async () => {
    const answer = await say("What is my name?", [user("my name is Ada"), user("2+2")]);
    expect(answer.text).toBe("Your name is Ada.");
    expect(answer.chunks).toHaveLength(2);
    expect(clock.delays).toEqual([]);
  });

  test("calls a tool on request and reports its result", async () => {
    const messages = [user('/tool clock {"zone":"UTC"}')];
    const request = { model: "demo/greeter", messages, tools };
    const called = await ask(request);
    expect(called.finish.reason).toBe("tool-calls");
    expect(called.calls).toEqual([
      { id: "demo_call_1", name: "clock", arguments: '{"zone":"UTC"}' },
    ]);
    const result = { toolCallId: "demo_call_1", toolName: "clock", text: "noon" } as const;
    const answer = await ask({
      ...request,
      messages: [
        ...messages,
        { role: "assistant", text: "", toolCalls: called.calls },
        { role: "tool", ...result },
      ],
    });
    expect(answer.text).toBe("clock answered: noon");
    const unknown = await ask({ ...request, messages: [user("/tool nothing")] });
    expect(unknown.text).toBe("I have no tool named nothing. My tools are: clock.");
  });

  test("answers JSON when asked to", async () => {
    const settings = { responseFormat: "json" } as const;
    const { text } = await ask({ model: "demo/greeter", messages: [user("2+2")], settings });
    expect(JSON.parse(text)).toEqual({ demo: true, answer: "2+2 = 4" });
  });
});

describe("demo/echo", () => {
  test("answers the last user text in one chunk", async () => {
    const messages = [user("one"), { role: "assistant", text: "echo: one" } as const, user("two")];
    const answer = await ask({ model: "demo/echo", messages });
    expect(answer.chunks).toEqual(["echo: two"]);
    expect(answer.finish).toMatchObject({ reason: "stop", model: "demo/echo" });
  });

  test("works as a fallback too, and ends at an aborted signal", async () => {
    const answer = await ask({ model: "missing/x", fallbacks: ["demo/echo"] });
    expect(answer.text).toBe("echo: Hi");
    const aborted = ask({ model: "demo/echo" }, AbortSignal.abort(new Error("enough")));
    await expect(aborted).rejects.toThrow("enough");
  });
});
