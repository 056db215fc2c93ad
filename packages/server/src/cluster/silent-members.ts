import { type Clock, limits, type NodeId, type NodeRecord, type NodeStatus } from "@holdfast/core";

interface SilentMembersOptions {
  readonly clock: Clock;
  readonly presence: (node: NodeId) => NodeStatus["presence"];
}

/**
 * Tells which members do nothing: the dead, and those that were not heard of although they and this node have
 * been there for long enough. A node whose first start failed stands among the members and never speaks.
 */
export function silentMembers({
  clock,
  presence,
}: SilentMembersOptions): (record: NodeRecord) => boolean {
  const startedAt = clock.monotonic();
  const { joinedSilenceMs } = limits;
  return ({ node, joinedAt }) => {
    if (presence(node) !== "unknown") return presence(node) === "dead";
    const listened = clock.monotonic() - startedAt;
    return listened >= joinedSilenceMs && clock.now() - joinedAt >= joinedSilenceMs;
  };
}
