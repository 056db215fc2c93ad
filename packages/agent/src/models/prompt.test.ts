import type { ModelMessage } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { toCallOptions } from "./prompt.ts";
import { requestOf } from "./testing/fixture.ts";

const promptOf = (messages: readonly ModelMessage[]) =>
  toCallOptions(requestOf({ instructions: "", messages })).prompt;
const call = (id: string, args = "{}"): ModelMessage => ({
  role: "assistant",
  text: "",
  toolCalls: [{ id, name: "t", arguments: args }],
});
const result = (id: string): ModelMessage => ({
  role: "tool",
  toolCallId: id,
  toolName: "t",
  text: "done",
});
const user: ModelMessage = { role: "user", text: "Hi" };

describe("toCallOptions", () => {
  test("leaves out results without a call and answers calls without a result", () => {
    const prompt = promptOf([result("gone"), user, call("c1"), user, call("c2"), result("c2")]);
    expect(prompt.map((message) => message.role)).toEqual([
      "user",
      "assistant",
      "tool",
      "user",
      "assistant",
      "tool",
    ]);
    expect(prompt[2]?.content).toMatchObject([
      { toolCallId: "c1", output: { type: "error-text" } },
    ]);
    expect(prompt[5]?.content).toMatchObject([{ toolCallId: "c2", output: { value: "done" } }]);
  });

  test.each([
    ["", {}],
    ['{"a":1}', { a: 1 }],
    ["[1]", { malformed_arguments: "[1]" }],
    ['{"a":', { malformed_arguments: '{"a":' }],
  ])("arguments %s become an object", (text, input) => {
    expect(promptOf([user, call("c", text)])[1]?.content).toMatchObject([{ input }]);
  });

  test("sends no blank texts", () => {
    const prompt = promptOf([
      { role: "user", text: " " },
      { role: "assistant", text: "\n" },
    ]);
    expect(prompt).toEqual([
      { role: "user", content: [{ type: "text", text: "(empty message)" }] },
    ]);
  });

  test("asks for JSON in words too, and chooses tools only where there are some", () => {
    const settings = { responseFormat: "json", toolChoice: { tool: "t" }, topP: 0.5 } as const;
    const plain = toCallOptions(requestOf({ settings }));
    expect(plain.prompt[0]).toMatchObject({ content: expect.stringContaining("JSON object") });
    expect(plain).toMatchObject({ topP: 0.5, responseFormat: { type: "json" } });
    expect(plain.toolChoice).toBeUndefined();
    const tools = [{ name: "t", description: "d", parameters: {} }];
    expect(toCallOptions(requestOf({ settings, tools }))).toMatchObject({
      toolChoice: { type: "tool", toolName: "t" },
      tools: [{ type: "function", name: "t", inputSchema: { type: "object" } }],
    });
  });
});
