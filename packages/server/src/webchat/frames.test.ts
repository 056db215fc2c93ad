import { describe, expect, it } from "vitest";
import { readFrame } from "./frames.ts";

describe("a frame of a browser", () => {
  it("is read, with what hello leaves out", () => {
    expect(readFrame('{"type":"hello"}')).toEqual({ type: "hello", after: -1, pending: [] });
    const send = { type: "send", id: "0123456789abcdef", text: "hello" };
    expect(readFrame(JSON.stringify(send))).toEqual(send);
  });

  it.each([
    "",
    "null",
    "[]",
    "{",
    '{"type":"unknown"}',
    '{"type":"hello","after":-2}',
    '{"type":"hello","after":1.5}',
    '{"type":"hello","conversation":7}',
    '{"type":"hello","more":true}',
    '{"type":"send","id":"short","text":"x"}',
    '{"type":"send","id":"../../../../etc","text":"x"}',
    '{"type":"send","id":"0123456789abcdef","text":""}',
    `{"type":"send","id":"0123456789abcdef","text":"${"x".repeat(16_001)}"}`,
    '{"type":"ack","index":-1}',
    '{"type":"read"}',
  ])("is refused: %.60s", (text) => {
    expect(readFrame(text)).toBeUndefined();
  });
});
