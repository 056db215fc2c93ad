/** A Holdfast node alone in its process, for node-process.ts. Its data folder is $HOLDFAST_HOME. */
import { writeHeapSnapshot } from "node:v8";
import { type RunningNode, startNode } from "@holdfast/server";
import { answerParent } from "./child.ts";

let node: RunningNode | undefined;

answerParent(
  {
    async start() {
      const home = process.env["HOLDFAST_HOME"];
      if (!home) throw new Error("HOLDFAST_HOME names no folder");
      node = await startNode({ home, host: "127.0.0.1", port: 0, env: process.env });
      return { url: node.url, engine: node.engine };
    },
    async memory() {
      // Two rounds: the first one's finalizers free more.
      for (let round = 0; round < 2; round += 1) {
        await global.gc?.({ type: "major", execution: "async" });
      }
      const { heapUsed, heapTotal, external } = process.memoryUsage();
      return { heapUsed, heapTotal, external };
    },
    snapshot: (file: string) => writeHeapSnapshot(file),
  },
  async () => node?.close(),
);
