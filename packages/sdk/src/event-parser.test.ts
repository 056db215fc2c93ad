import fc from "fast-check";
import { expect, it } from "vitest";
import { createEventParser } from "./event-parser.ts";

const stream =
  '\uFEFF: hello\n\nid: 7\nevent: delta\ndata: {"a":\ndata:  1}\n\r\nid\rdata: x\r\rdata: cut';

it("reads events, comments, ids, several data lines and every line end", () => {
  const parse = createEventParser();
  expect(parse(stream)).toEqual([
    { event: "delta", data: '{"a":\n 1}', id: "7" },
    { event: "message", data: "x", id: "" },
  ]);
});

it("gives the same events however the stream is cut", () => {
  const whole = createEventParser()(stream);
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
      const parse = createEventParser();
      const edges = [0, ...cuts.sort((a, b) => a - b), stream.length];
      const pieces = edges.slice(1).map((end, index) => stream.slice(edges[index], end));
      expect(pieces.flatMap((piece) => parse(piece))).toEqual(whole);
    }),
  );
});

it("holds no event without data and passes over unknown fields", () => {
  expect(createEventParser()("event: delta\nretry: 5\nfoo: bar\n\n")).toEqual([]);
});
