import type { ApiClient } from "./api-client.ts";

/** What the API says of a node, as far as the benches look. */
export interface NodeView {
  readonly node: string;
  readonly state: "active" | "draining" | "removed";
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

const answerTimeoutMs = 5_000;

export function nodesOf(api: ApiClient): Promise<NodeView[]> {
  return itemsOf(api, "/api/v1/nodes");
}

export function partitionsOf(api: ApiClient): Promise<PartitionView[]> {
  return itemsOf(api, "/api/v1/partitions");
}

async function itemsOf<Item>(api: ApiClient, path: string): Promise<Item[]> {
  const { text } = await api.must("GET", path, { timeoutMs: answerTimeoutMs });
  return (JSON.parse(text) as { items: Item[] }).items;
}

/** How many partitions each node owns; those that own none are left out. */
export function ownedCounts(partitions: readonly PartitionView[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { owner } of partitions) {
    if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  return counts;
}

/** Asks again until it is true. Errors: `timeoutMs` passed, with what was seen last. */
export async function until(
  what: string,
  timeoutMs: number,
  check: () => Promise<true | string>,
  pauseMs = 100,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let seen = ""; ; await pause(pauseMs)) {
    try {
      const now = await check();
      if (now === true) return;
      seen = now;
    } catch (thrown) {
      seen = String(thrown);
    }
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${timeoutMs} ms; seen last: ${seen}`);
    }
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
