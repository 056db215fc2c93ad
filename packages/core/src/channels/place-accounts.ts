import type { NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { AccountAssignment } from "./account-assignments.ts";

export interface AccountNode {
  readonly node: NodeId;
  readonly zone: string;
  readonly capacity: number;
}

export interface PlacedAccount {
  readonly key: string;
  readonly region: string | undefined;
  /** The owner of the partition of the account's agent. */
  readonly agentNode: NodeId | undefined;
  readonly assignment: AccountAssignment | undefined;
}

export interface AccountMove {
  readonly key: string;
  readonly to: NodeId;
}

/**
 * Where the accounts go: those without a usable owner at once, and of the others at most
 * `accountMoves` to level what nodes have. A node of the account's region goes before all others; then the
 * one that has least for its capacity, where the owner of the agent's partition counts as having a little
 * less. `kept` are nodes that may still live: what they have stays.
 */
export function placeAccounts(
  accounts: readonly PlacedAccount[],
  nodes: readonly AccountNode[],
  kept: ReadonlySet<NodeId>,
  mayLevel: boolean,
): AccountMove[] {
  if (nodes.length === 0) return [];
  const counts = new Map(nodes.map(({ node }) => [node, 0]));
  const owned = (node: NodeId) => counts.get(node) ?? 0;
  const add = (node: NodeId, change: number) => counts.set(node, owned(node) + change);
  const homeless: PlacedAccount[] = [];
  const housed: PlacedAccount[] = [];
  for (const account of accounts) {
    const owner = account.assignment?.node;
    if (owner !== undefined && counts.has(owner)) {
      add(owner, 1);
      housed.push(account);
    } else if (owner === undefined || !kept.has(owner)) homeless.push(account);
  }
  const best = ({ region, agentNode }: PlacedAccount): AccountNode => {
    const near = nodes.filter(({ zone }) => region !== undefined && zone === region);
    const fill = ({ node, capacity }: AccountNode) =>
      (owned(node) + (node === agentNode ? 0.5 : 1)) / capacity;
    return (near.length > 0 ? near : nodes).reduce((least, each) =>
      fill(each) < fill(least) ? each : least,
    );
  };
  const moves: AccountMove[] = [];
  for (const account of homeless) {
    const { node } = best(account);
    add(node, 1);
    moves.push({ key: account.key, to: node });
  }
  for (const account of mayLevel ? housed : []) {
    if (moves.length >= homeless.length + limits.accountMoves) break;
    const owner = nodes.find(({ node }) => node === account.assignment?.node);
    if (!owner) continue;
    const target = best(account);
    const isNearer = target.zone === account.region && owner.zone !== account.region;
    const gain = owned(owner.node) / owner.capacity - (owned(target.node) + 1) / target.capacity;
    // What has one more than another stays: it would only change places.
    if (target.node === owner.node || (!isNearer && gain < 1)) continue;
    add(owner.node, -1);
    add(target.node, 1);
    moves.push({ key: account.key, to: target.node });
  }
  return moves;
}
