import { limits, namePattern, type NodeStatus, type PartitionStatus } from "@holdfast/core";
import { z } from "zod";
import { registry } from "./schemas.ts";

/** What operators see of the cluster: the shapes, and how they are made. */

const nodeName = z.string().regex(namePattern, "expected 1 to 63 characters of a-z 0-9 -");
export const nodeParams = z.strictObject({ node: nodeName });
export const removeQuery = z.strictObject({
  node: z
    .union([z.array(nodeName).min(1).max(limits.nodesPerRemoval), nodeName])
    .describe("Repeated for several nodes: they leave together."),
  force: z
    .enum(["true", "false"])
    .default("false")
    .describe("Also nodes that are alive, or whose going loses the majority."),
});

export const node = z.object({
  node: z.string(),
  role: z.enum(["store", "compute"]),
  state: z.enum(["active", "draining", "removed"]),
  presence: z
    .enum(["alive", "dead", "unknown"])
    .describe("alive: heard of lately; dead: silent; unknown: never heard of by this node"),
  isCoordinator: z.boolean(),
  url: z.string(),
  version: z.string(),
  zone: z.string(),
  labels: z.record(z.string(), z.string()),
  capacity: z.number(),
  engine: z
    .object({ host: z.string(), clientPort: z.int(), routePort: z.int() })
    .optional()
    .describe("Where its nats-server is reached; only of store nodes with a managed engine."),
  joinedAt: z.number().describe("Milliseconds since 1970."),
  silentMs: z.number().optional().describe("Age of its last heartbeat."),
  ownedPartitions: z.int(),
  lag: z.int().describe("Inbox records not done, over its partitions."),
  load: z
    .object({
      cpu: z.number().describe("In cores."),
      cores: z.number(),
      memoryBytes: z.number(),
      memoryLimitBytes: z.number(),
      loopDelayMs: z.number(),
      turnsInFlight: z.number(),
      turnCapacity: z.number(),
      turnLatencyMs: z.number(),
      turnsPerSecond: z.number(),
      roundTripMs: z.number(),
    })
    .optional()
    .describe("As in its last heartbeat."),
});
export const partition = z.object({
  partition: z.int(),
  owner: z.string().optional().describe("Absent while nobody owns it."),
  epoch: z.int().describe("Rises with every change of owner."),
  isOpen: z.boolean().describe("Whether its owner works on it."),
  lag: z.int(),
  activeConversations: z.int(),
  turnsInFlight: z.int(),
  turnsPerSecond: z.number(),
});
export const changedState = z.object({ node: z.string(), state: z.enum(["active", "draining"]) });

const operation = z.object({
  kind: z.enum(["growth", "replace"]),
  phase: z.enum(["waiting", "copying", "done", "failed"]),
  node: z.string().optional().describe("The node that is replaced."),
  done: z.int(),
  total: z.int(),
  stream: z.string().optional(),
  message: z.string(),
  startedAt: z.number(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export const currentOperation = z.object({
  operation: operation.nullable().describe("null when there never was one."),
});
export const replaceBody = z.strictObject({ dryRun: z.boolean().optional() }).nullish();
export const repairPlan = z.object({
  steps: z.array(z.object({ text: z.string(), reason: z.string() })),
});

const authoritySteps = ["begin", "sign", "retire", "rollback"] as const;
export const authorityParams = z.strictObject({ step: z.enum(authoritySteps) });
export const authority = z.object({
  cluster: z.string(),
  phase: z.enum(["stable", "distributing", "signing", "reverting"]),
  active: z.string().describe("SHA-256 of the certificate of the key that signs."),
  next: z.string().optional(),
  previous: z.string().optional(),
  generation: z.int().describe("Rises with every change."),
  bundle: z.array(z.string()).describe("PEM texts of what is trusted, the signing one first."),
  nodes: z.array(
    z.object({
      node: z.string(),
      presence: z.enum(["alive", "dead", "unknown"]),
      generation: z.int().optional().describe("Absent when the node has said nothing of it."),
      isConfirmed: z.boolean(),
    }),
  ),
});

registry.add(node, { id: "Node" });
registry.add(partition, { id: "Partition" });
registry.add(operation, { id: "Operation" });
registry.add(authority, { id: "Authority" });

/** A node as it is shown; what its partitions do stands there. */
export function nodeView(
  status: NodeStatus,
  partitions: readonly PartitionStatus[],
): z.infer<typeof node> {
  const { claim: _, load, engine, silentMs, ...facts } = status;
  const own = partitions.filter(({ owner }) => owner === status.node);
  return {
    ...facts,
    ...(engine && { engine }),
    ...(silentMs !== undefined && { silentMs }),
    ownedPartitions: own.length,
    lag: own.reduce((sum, { lag }) => sum + lag, 0),
    ...(load && { load: withoutPartitions(load) }),
  };
}

function withoutPartitions({ partitions: _, ...load }: NonNullable<NodeStatus["load"]>) {
  return load;
}
