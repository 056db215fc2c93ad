import type { StoredMessage } from "@holdfast/core";
import { describe, expect, it } from "vitest";
import { Receipts } from "./receipts.ts";

function answered(indexes: readonly number[]): Receipts {
  const receipts = new Receipts("v1");
  for (const index of indexes) {
    receipts.shown({ index, turn: `t${index}` } as unknown as StoredMessage);
  }
  return receipts;
}

describe("the receipts of a browser", () => {
  it("name the sends that they are for, each once", () => {
    const receipts = answered([1, 3]);
    expect(receipts.delivered(3, 5)).toMatchObject([
      { messageId: "t1.0", key: "t1.0", state: "delivered", eventId: "delivered.t1.0", at: 5 },
      { messageId: "t3.0" },
    ]);
    expect(receipts.delivered(3, 6)).toEqual([]);
    expect(receipts.read(3, 7)).toMatchObject([{ key: "t3.0", state: "read" }]);
    expect(receipts.read(3, 8)).toEqual([]);
  });

  it("cover no answer that this browser was not given", () => {
    expect(answered([1]).read(0, 1)).toEqual([]);
    expect(answered([]).delivered(99, 1)).toEqual([]);
    expect(answered([1, 3]).read(99, 1)).toMatchObject([{ key: "t3.0" }]);
  });
});
