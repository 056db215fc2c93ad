import type { NodeApi } from "../traffic/api-client.ts";
import { pause } from "../traffic/conversation-client.ts";

/** What `GET /api/v1/nodes` says of a node, as far as the tests look. */
export interface NodeView {
  readonly node: string;
  readonly role: string;
  readonly state: string;
  readonly presence: "alive" | "dead" | "unknown";
  readonly isCoordinator: boolean;
}

export interface PartitionView {
  readonly partition: number;
  readonly owner?: string;
  readonly epoch: number;
  readonly isOpen: boolean;
  readonly lag: number;
}

export async function nodesOf(api: NodeApi): Promise<NodeView[]> {
  return itemsOf<NodeView>(await api.must("GET", "/api/v1/nodes", { timeoutMs: 5_000 }));
}

export async function partitionsOf(api: NodeApi): Promise<PartitionView[]> {
  return itemsOf<PartitionView>(await api.must("GET", "/api/v1/partitions", { timeoutMs: 5_000 }));
}

function itemsOf<Item>(body: { items?: Item[] } | Item[]): Item[] {
  return Array.isArray(body) ? body : (body.items ?? []);
}

/** Partitions by owner. */
export function ownedBy(partitions: readonly PartitionView[], node: string): number[] {
  return partitions.filter(({ owner }) => owner === node).map(({ partition }) => partition);
}

/**
 * Asks again until it is so. Errors: `timeoutMs` passed; the message says what was waited for and what was
 * seen last.
 */
export async function until(
  what: string,
  timeoutMs: number,
  check: () => Promise<boolean | string>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let seen = "";
  while (performance.now() < deadline) {
    try {
      const now = await check();
      if (now === true) return;
      seen = String(now);
    } catch (thrown) {
      seen = thrown instanceof Error ? thrown.message : String(thrown);
    }
    await pause(100);
  }
  throw new Error(`${what}: not within ${timeoutMs} ms; seen last: ${seen}`);
}

/** As many nodes work as should, and every partition is open. */
export function untilOpen(api: NodeApi, alive: number, timeoutMs = 60_000): Promise<void> {
  return until("every node works and every partition is open", timeoutMs, async () => {
    const { text, isOpen } = await stateOf(api, alive);
    return isOpen || text;
  });
}

/** The same, and nothing waits any more: only without load. */
export function untilSettled(api: NodeApi, alive: number, timeoutMs = 60_000): Promise<void> {
  return until("the cluster settles", timeoutMs, async () => {
    const { text, isOpen, behind } = await stateOf(api, alive);
    return (isOpen && behind === 0) || text;
  });
}

async function stateOf(api: NodeApi, alive: number) {
  const [nodes, partitions] = await Promise.all([nodesOf(api), partitionsOf(api)]);
  const working = nodes.filter(({ presence }) => presence === "alive").length;
  const closed = partitions.filter(({ isOpen }) => !isOpen).map(({ partition }) => partition);
  const behind = partitions.reduce((sum, { lag }) => sum + lag, 0);
  const text = `${working} of ${alive} alive, closed: ${closed.join(" ")}, lag ${behind}`;
  return { text, behind, isOpen: working >= alive && partitions.length > 0 && closed.length === 0 };
}
