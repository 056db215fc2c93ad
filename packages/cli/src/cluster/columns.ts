import type { ClusterNode, Operation, PartitionStatus } from "@holdfast/sdk";
import type { Column } from "../output/table.ts";
import type { Style } from "../output/terminal.ts";

/** Of `holdfast get nodes`: what seldom changes. */
export const nodeColumns: readonly Column<ClusterNode>[] = [
  { title: "NODE", value: ({ node }) => node },
  { title: "ROLE", value: roleText },
  { title: "ZONE", value: ({ zone }) => zone },
  { title: "STATE", value: ({ state }) => state },
  { title: "PRESENCE", value: ({ presence }) => presence },
  { title: "PARTITIONS", value: (node) => String(node.ownedPartitions), isRight: true },
  { title: "VERSION", value: ({ version }) => version },
  { title: "ADDRESS", value: ({ url }) => url },
];

export const partitionColumns: readonly Column<PartitionStatus>[] = [
  { title: "PARTITION", value: ({ partition }) => String(partition), isRight: true },
  { title: "OWNER", value: ({ owner }) => owner },
  { title: "EPOCH", value: ({ epoch }) => String(epoch), isRight: true },
  { title: "OPEN", value: ({ isOpen }) => (isOpen ? "yes" : "no") },
  { title: "LAG", value: ({ lag }) => String(lag), isRight: true },
  {
    title: "CONVERSATIONS",
    value: ({ activeConversations }) => String(activeConversations),
    isRight: true,
  },
  { title: "IN FLIGHT", value: ({ turnsInFlight }) => String(turnsInFlight), isRight: true },
  { title: "TURNS/S", value: ({ turnsPerSecond }) => rate(turnsPerSecond), isRight: true },
];

/** Of `holdfast top`: what changes all the time. The load of a node that is silent is an old one. */
export const loadColumns: readonly Column<ClusterNode>[] = [
  { title: "NODE", value: ({ node }) => node },
  { title: "ROLE", value: (node) => (node.isCoordinator ? `${node.role}*` : node.role) },
  { title: "STATE", value: ({ state }) => state },
  { title: "PRESENCE", value: presenceText },
  loadColumn("CPU", ({ cpu, cores }) => `${Math.round((100 * cpu) / Math.max(cores, 0.01))}%`),
  loadColumn("MEMORY", ({ memoryBytes }) => bytesText(memoryBytes)),
  loadColumn("LOOP", ({ loopDelayMs }) => `${loopDelayMs.toFixed(1)} ms`),
  loadColumn("TURNS/S", ({ turnsPerSecond }) => rate(turnsPerSecond)),
  loadColumn("IN FLIGHT", ({ turnsInFlight }) => String(turnsInFlight)),
  { title: "PARTS", value: (node) => String(node.ownedPartitions), isRight: true },
  { title: "LAG", value: ({ lag }) => String(lag), isRight: true },
  { title: "ZONE", value: ({ zone }) => zone },
];

export function nodeStyle({ presence, state }: ClusterNode): Style | undefined {
  if (presence === "dead") return "red";
  return presence === "unknown" || state !== "active" ? "yellow" : undefined;
}

export function partitionStyle({ isOpen }: PartitionStatus): Style | undefined {
  return isOpen ? undefined : "yellow";
}

/** The message holds how many streams are done, and of a failure why. */
export function operationText(operation: Operation): string {
  const { phase, stream, message, error } = operation;
  const where = phase === "copying" && stream !== undefined ? ` (${stream})` : "";
  return `${phase}: ${message}${where}${error ? ` [${error.code}]` : ""}`;
}

export function rate(perSecond: number): string {
  return perSecond.toFixed(perSecond < 100 ? 1 : 0);
}

function loadColumn(
  title: string,
  value: (load: NonNullable<ClusterNode["load"]>) => string,
): Column<ClusterNode> {
  return {
    title,
    value: ({ load, presence }) => (load && presence === "alive" ? value(load) : undefined),
    isRight: true,
  };
}

function roleText({ role, isCoordinator }: ClusterNode): string {
  return isCoordinator ? `${role}, coordinator` : role;
}

function presenceText({ presence, silentMs }: ClusterNode): string {
  if (presence !== "dead" || silentMs === undefined) return presence;
  return `dead ${durationText(silentMs)}`;
}

function durationText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1_440)} d`;
}

function bytesText(bytes: number): string {
  const mebibytes = bytes / (1024 * 1024);
  return mebibytes < 1024 ? `${Math.round(mebibytes)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}
