import { HoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import type { Assignments } from "./assignments.ts";
import type { ClusterAdmin, NodeStatus, PartitionStatus } from "./cluster-admin.ts";
import type { Heartbeats } from "./heartbeats.ts";
import { foundNode, type Membership } from "./membership.ts";
import type { NodeRecord, NodeState } from "./records.ts";

export interface AdminParts {
  readonly membership: Membership;
  readonly heartbeats: Heartbeats;
  readonly assignments: Assignments;
  /** False on nodes that may not write what all the others go by. */
  readonly mayChange: boolean;
}

/** The cluster as this node sees it. */
export function createClusterAdmin(parts: AdminParts): ClusterAdmin {
  const { membership, heartbeats, assignments } = parts;

  function status(record: NodeRecord): NodeStatus {
    const { node } = record;
    const silentMs = heartbeats.silentMs(node);
    const load = heartbeats.load(node);
    return {
      ...record,
      ...heartbeats.about(node),
      presence: heartbeats.presence(node),
      isCoordinator: membership.coordinator?.node === node,
      ...(silentMs !== undefined && Number.isFinite(silentMs) && { silentMs }),
      ...(load && { load }),
    };
  }

  async function setState(name: string, state: NodeState): Promise<void> {
    requireChange(parts);
    await membership.update(name as NodeId, (record) => {
      const found = foundNode(record, name);
      return found.state === state ? undefined : { ...found, state };
    });
  }

  return {
    nodes: () => membership.nodes.map(status),

    partitions: () =>
      Array.from({ length: assignments.count }, (_, partition): PartitionStatus => {
        const assignment = assignments.of(partition);
        const loads = assignment && heartbeats.load(assignment.node)?.partitions;
        const load = loads?.find((each) => each.partition === partition);
        const isCurrent = load?.epoch === assignment?.epoch;
        return {
          partition,
          owner: assignment?.node,
          epoch: assignment?.epoch ?? 0,
          isOpen: isCurrent && load?.isOpen === true,
          lag: load?.lag ?? 0,
          activeConversations: load?.activeConversations ?? 0,
          turnsInFlight: load?.turnsInFlight ?? 0,
          turnsPerSecond: load?.turnsPerSecond ?? 0,
        };
      }),

    async drain(name) {
      requireChange(parts);
      const { node } = foundNode(membership.get(name), name);
      const others = membership.nodes.filter(
        (other) =>
          other.node !== node && other.state === "active" && heartbeats.isAlive(other.node),
      );
      if (others.length === 0) {
        const problem = `Node ${node} is the last one that works: nobody could take its partitions.`;
        throw new HoldfastError("last_node", problem);
      }
      await setState(name, "draining");
    },

    activate: (name) => setState(name, "active"),

    async remove(names, { force, prepare, inEngine }) {
      requireChange(parts);
      // Whoever asks again after a lost answer finds some of them removed.
      const open = names.filter((name) => !membership.removed.some((node) => node === name));
      const leaving = open.map((name) => foundNode(membership.get(name), name));
      if (!force) checkRemoval(parts, leaving, await inEngine?.());
      await prepare?.();
      // Together: the engine elects as soon as the first one learns of it.
      await Promise.all(leaving.map(({ node }) => setState(node, "removed")));
    },
  };
}

function requireChange({ mayChange, membership }: AdminParts): void {
  if (mayChange) return;
  const details = membership.nodes
    .filter(({ role }) => role === "store")
    .map(({ url }) => ({ path: "url", message: url }));
  throw new HoldfastError(
    "store_node_required",
    "This node runs partitions only; the cluster is changed through its store nodes.",
    { details },
  );
}

/** Errors: `last_node`, `node_alive`, `store_quorum_at_risk`. */
function checkRemoval(
  { membership, heartbeats }: AdminParts,
  leaving: readonly NodeRecord[],
  inEngine: readonly string[] | undefined,
): void {
  if (leaving.length === 0) return;
  const isLeaving = (node: NodeRecord) => leaving.some((each) => each.node === node.node);
  if (membership.nodes.every(isLeaving)) {
    throw new HoldfastError("last_node", "No node would be left.");
  }
  // One that never came so far that its engine took part holds nothing, and is missed by nobody.
  const hasPart = ({ node }: NodeRecord) => inEngine?.includes(node) ?? true;
  const stores = membership.nodes.filter(
    (record) => record.role === "store" && record.engine && hasPart(record),
  );
  const kept = stores.filter((node) => !isLeaving(node) && heartbeats.isAlive(node.node));
  const removed = stores.filter(isLeaving);
  const majority = Math.floor(stores.length / 2) + 1;
  if (removed.length > 0 && kept.length < majority) {
    const names = removed.map(({ node }) => node).join(" and ");
    const problem =
      `Without ${names} only ${kept.length} of ${stores.length} store nodes work, and ${majority} are needed: ` +
      "nothing could be written any more, and what only they hold would be lost. " +
      "Add store nodes first, one for each that leaves.";
    throw new HoldfastError("store_quorum_at_risk", problem);
  }
  const alive = leaving.find(({ node }) => heartbeats.isAlive(node));
  if (alive) {
    const problem = `Node ${alive.node} still runs. Drain it, wait until it has no partitions, and stop it first.`;
    throw new HoldfastError("node_alive", problem);
  }
}
