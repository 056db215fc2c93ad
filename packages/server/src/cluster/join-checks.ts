import { isIP } from "node:net";
import { HoldfastError, limits, type NodeRecord, type NodeRole } from "@holdfast/core";
import { isLoopbackHost } from "./discover-spec.ts";

/** What is asked of a node before it may join: each throws what a person should read. */

/** Errors: `cluster_mismatch`. */
export function checkCluster(wanted: string, own: string): void {
  if (wanted === own) return;
  // Whoever asks has proved nothing yet, and learns nothing of this cluster.
  throw new HoldfastError("cluster_mismatch", `This is not cluster ${wanted}.`);
}

/** The same major version, minor versions one apart at most. Errors: `version_mismatch`. */
export function checkVersion(joining: string, own: string): void {
  const [theirs, ours] = [parsed(joining), parsed(own)];
  const fits =
    theirs && ours && theirs.major === ours.major && Math.abs(theirs.minor - ours.minor) <= 1;
  if (fits) return;
  const shown = JSON.stringify(joining.slice(0, 40));
  throw new HoldfastError(
    "version_mismatch",
    `The node has version ${shown}, the cluster ${own}: they may be one minor version apart.`,
  );
}

/** Errors: `clock_skew`. */
export function checkClock(node: string, theirs: number, ours: number): void {
  const apart = theirs - ours;
  if (Math.abs(apart) <= limits.joinClockSkewMs) return;
  const side = apart > 0 ? "ahead of" : "behind";
  throw new HoldfastError(
    "clock_skew",
    `The clock of ${node} is ${inWords(Math.abs(apart))} ${side} the cluster's ` +
      `(${timeText(theirs)} there, ${timeText(ours)} here).`,
  );
}

/** A node may join again with the keys that it joined with. Errors: `node_name_taken`. */
export function checkName(node: string, record: NodeRecord | undefined, claim: string): void {
  if (!record) return;
  if (record.state === "removed") {
    throw new HoldfastError(
      "node_name_taken",
      `A node ${node} was removed from the cluster, and may not come back under its name.`,
    );
  }
  if (record.claim !== claim) {
    throw new HoldfastError(
      "node_name_taken",
      `The cluster has a node ${node} already, with other keys or in another role.`,
    );
  }
}

/**
 * Without a token a node is certified for the hosts that it was let in with, and the names that every
 * machine gives itself. Errors: `certificate_invalid`.
 */
export function checkHosts(hosts: readonly string[], record: NodeRecord): void {
  const own = [...(record.hosts ?? advertisedHosts(record)), "localhost", "127.0.0.1", "::1"];
  const allowed = new Set(own.map(normalHost));
  const other = hosts.find((host) => !allowed.has(normalHost(host)));
  if (other === undefined) return;
  throw new HoldfastError(
    "certificate_invalid",
    `Node ${record.node} did not join as ${JSON.stringify(other)}: only a join token changes its hosts.`,
  );
}

/** Members whose address another node's certificates would name as well; on loopback all share it. */
export function membersAt(hosts: readonly string[], others: readonly NodeRecord[]): NodeRecord[] {
  const named = new Set(hosts.map(normalHost));
  return others.filter((record) =>
    advertisedHosts(record).some((host) => named.has(host) && !isLoopbackHost(host)),
  );
}

function advertisedHosts({ url, engine }: NodeRecord): string[] {
  const host = URL.parse(url)?.hostname.replace(/^\[|\]$/g, "");
  return [host, engine?.host].flatMap((each) => (each ? normalHost(each) : []));
}

/** One text for each host: an IPv6 address has many. */
function normalHost(host: string): string {
  const address = isIP(host) === 6 ? URL.parse(`http://[${host}]`)?.hostname.slice(1, -1) : host;
  return (address ?? host).toLowerCase();
}

/** The role that a node gets. Errors: `join_token_role`. */
export function chooseRole(
  asked: NodeRole | undefined,
  allowed: NodeRole | undefined,
  others: readonly NodeRecord[],
): NodeRole {
  if (asked && allowed && asked !== allowed) {
    const problem = `The join token is for ${allowed} nodes, not for ${asked} nodes.`;
    throw new HoldfastError("join_token_role", problem);
  }
  const stores = others.filter(({ role, state }) => role === "store" && state !== "removed");
  return asked ?? allowed ?? (stores.length < limits.storeNodesWanted ? "store" : "compute");
}

function parsed(version: string): { major: number; minor: number } | undefined {
  const found = /^(\d{1,6})\.(\d{1,6})\.\d{1,6}(?:[-+]|$)/.exec(version);
  return found ? { major: Number(found[1]), minor: Number(found[2]) } : undefined;
}

function inWords(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24];
  const minutes = Math.floor(seconds / 60) % 60;
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

function timeText(at: number): string {
  // A clock may be so wrong that it has no date.
  return Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : String(at);
}
