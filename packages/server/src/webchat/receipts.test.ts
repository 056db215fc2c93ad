import type { StoredMessage } from "@holdfast/core";
import { describe, expect, it } from "vitest";
import { Receipts } from "./receipts.ts";

const answer = (index: number) => ({ index, turn: `t${index}` }) as unknown as StoredMessage;

function answered(indexes: readonly number[], before = async (): Promise<StoredMessage[]> => []) {
  const receipts = new Receipts("v1", before);
  for (const index of indexes) receipts.shown(answer(index));
  return receipts;
}

describe("the receipts of a browser", () => {
  it("name the sends that they are for, each once", async () => {
    const receipts = answered([1, 3]);
    expect(await receipts.delivered(3, 5)).toMatchObject([
      { messageId: "t1.0", key: "t1.0", state: "delivered", eventId: "delivered.t1.0", at: 5 },
      { messageId: "t3.0" },
    ]);
    expect(await receipts.delivered(3, 6)).toEqual([]);
    expect(await receipts.read(3, 7)).toMatchObject([{ key: "t3.0", state: "read" }]);
    expect(await receipts.read(3, 8)).toEqual([]);
  });

  it("cover no answer that this browser was not given", async () => {
    expect(await answered([1]).read(0, 1)).toEqual([]);
    expect(await answered([]).delivered(99, 1)).toEqual([]);
    expect(await answered([1, 3]).read(99, 1)).toMatchObject([{ key: "t3.0" }]);
  });

  it("cover what it had before, which is read once, and again when that failed", async () => {
    let reads = 0;
    const receipts = answered([5], async () => {
      reads += 1;
      if (reads === 1) throw new Error("the owner is away");
      return [answer(1), answer(3)];
    });
    expect(await receipts.delivered(5, 1)).toMatchObject([{ key: "t5.0" }]);
    expect(await receipts.delivered(3, 2)).toMatchObject([{ key: "t1.0" }, { key: "t3.0" }]);
    expect(await receipts.read(5, 3)).toMatchObject([{ key: "t5.0" }]);
    expect(reads).toBe(2);
  });
});
