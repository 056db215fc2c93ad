import { Partition } from "@holdfast/core";
import { partitionOf } from "../../packages/core/src/path/router.ts";
import { describe, expect, test } from "vitest";
import { answerTo, createWorld, message } from "./path-fixture.ts";

describe("a partition that was lost and opened again on the same node", () => {
  test("tells those who wait that their message is answered already", async () => {
    const world = createWorld();
    const number = partitionOf(message(""), 2);
    const committed = Promise.withResolvers<void>();
    const node = await world.start({
      partitions: 2,
      reach: (failpoint) => {
        if (failpoint !== "afterTurnCommit") return;
        void node.ownership.open()[number]?.close();
        committed.resolve();
        throw new Error("The partition is lost.");
      },
    });
    const answer = answerTo(node, message("hello"));
    await world.run(committed.promise);
    await world.run(Partition.open(number, 2, node.services, { onLost: () => undefined }));
    const events = await world.run(answer);
    expect(events.at(-1)).toMatchObject({
      type: "committed",
      messages: [{ text: "hello" }, { text: "echo: hello" }],
    });
    expect(node.pending.size).toBe(0);
  });
});
