import type { OwnershipSample } from "../validate/check-ownership.ts";
import type { NodeApi } from "../traffic/api-client.ts";
import { pause } from "../traffic/conversation-client.ts";
import { monotonicMs } from "../traffic/record.ts";
import { partitionsOf } from "./admin.ts";

const intervalMs = 250;

/** Asks every node all the time who owns what. A node that does not answer has said nothing. */
export function startSampler(apis: ReadonlyMap<string, NodeApi>): {
  readonly samples: OwnershipSample[];
  stop(): Promise<void>;
} {
  const samples: OwnershipSample[] = [];
  let isStopped = false;
  const follow = async (node: string, api: NodeApi) => {
    while (!isStopped) {
      const partitions = await partitionsOf(api).catch(() => []);
      const at = monotonicMs();
      for (const { partition, owner, epoch } of partitions) {
        samples.push({ at, node, partition, owner, epoch });
      }
      await pause(intervalMs);
    }
  };
  const followers = [...apis].map(([node, api]) => follow(node, api));
  return {
    samples,
    async stop() {
      isStopped = true;
      await Promise.all(followers);
    },
  };
}
