import type { EngineAddress, NodeRecord } from "@holdfast/core";

/** Store nodes that belong to the cluster, draining ones too: their engines go on. */
export function storeNodes(records: readonly NodeRecord[]): NodeRecord[] {
  return records
    .filter(({ role, state }) => role === "store" && state !== "removed")
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** Where the engines of these nodes are. */
export function engineAddresses(records: readonly NodeRecord[]): EngineAddress[] {
  return storeNodes(records).flatMap(({ engine }) => engine ?? []);
}

/** Where the APIs of the store nodes are reached. */
export function storeUrls(records: readonly NodeRecord[]): string[] {
  return storeNodes(records).map(({ url }) => url);
}
