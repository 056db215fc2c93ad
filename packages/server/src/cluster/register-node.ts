import {
  type Clock,
  clusterBucket,
  decodeJson,
  encodeJson,
  HoldfastError,
  type KeyValue,
  limits,
  nodeKey,
  type NodeRecord,
  ownRecord,
  toHoldfastError,
} from "@holdfast/core";

export type OwnFacts = Pick<
  NodeRecord,
  | "node"
  | "role"
  | "url"
  | "version"
  | "zone"
  | "labels"
  | "capacity"
  | "claim"
  | "hosts"
  | "engine"
  | "engineKey"
>;

/**
 * Writes what a node says of itself into the list of members, where it may; what others decided about it
 * stays. Errors: `node_name_taken` for a name of other keys or of a node that was removed, those of the port.
 */
export async function registerNode(
  keyValue: KeyValue,
  facts: OwnFacts,
  clock: Clock,
): Promise<void> {
  const key = nodeKey(facts.node);
  for (let tries = 1; ; tries += 1) {
    const found = await keyValue.get(clusterBucket, key);
    const before = found && decodeJson<NodeRecord>(found.value, key);
    const isOther = before?.claim !== undefined && before.claim !== facts.claim;
    if (before && (isOther || before.state === "removed")) {
      const why = isOther ? "belongs to a node with other keys" : "was removed from the cluster";
      throw new HoldfastError("node_name_taken", `The name ${facts.node} ${why}.`);
    }
    const record = before ? { ...before, ...facts } : ownRecord(facts, clock);
    try {
      await keyValue.update(clusterBucket, key, encodeJson(record), found?.revision ?? 0);
      return;
    } catch (thrown) {
      const { code } = toHoldfastError(thrown);
      const mayRepeat = code === "revision_conflict" || code === "append_outcome_unknown";
      if (!mayRepeat || tries >= limits.clusterWriteAttempts) throw thrown;
    }
  }
}
