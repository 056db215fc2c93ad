import {
  type Clock,
  HoldfastError,
  type NodeRole,
  type Random,
  toHoldfastError,
} from "@holdfast/core";
import { choosePorts, takenPort } from "@holdfast/engine";
import { type Authority, parseJoinToken } from "@holdfast/security";
import { checkPort } from "../listen.ts";
import type { Patiently } from "../patience.ts";
import type { Settings } from "../settings.ts";
import { version } from "../version.ts";
import type { ClusterFile, ClusterHome } from "./cluster-home.ts";
import { parseDiscover } from "./discover-spec.ts";
import { discover } from "./discovery.ts";
import { createLeafRequests, foundCluster, textsOf } from "./found-cluster.ts";
import { issueIdentity } from "./issue-identity.ts";
import { NodeIdentity } from "./identity.ts";
import { askForCertificates, joinCluster, type JoiningNode, memberOf } from "./join.ts";
import type { NodePlace } from "./node-place.ts";

/** How a node that is no member yet becomes one. */
export interface JoinOptions {
  readonly token: string;
  /** `mdns`, `dns:NAME` or an address; without, what the token says. */
  readonly discover?: string;
  readonly role?: NodeRole;
}

export interface MemberOptions {
  readonly home: ClusterHome;
  readonly node: string;
  readonly place: NodePlace;
  readonly settings: Settings;
  readonly join: JoinOptions | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly say: (text: string) => void;
  readonly report: (error: HoldfastError, where: string) => void;
  readonly patiently: Patiently;
}

/** A node's membership, as its home folder knows it. */
export interface Member {
  readonly file: ClusterFile;
  readonly identity: NodeIdentity;
  /** What the node tells of itself when it asks a store node for something. */
  readonly self: JoiningNode;
}

/**
 * Founds a cluster, joins one, or goes on as the member that the home is. Errors: those of `joinCluster`,
 * `askForCertificates` and `ClusterHome`, `invalid_configuration`, `port_taken`.
 */
export async function openMember(options: MemberOptions): Promise<Member> {
  const { home, join, node, place, clock, random, say, patiently } = options;
  const { dnsServers } = options.settings;
  const spec = join?.discover === undefined ? undefined : parseDiscover(join.discover);
  let file = join ? memberOf(home, join.token) : home.readCluster();
  const self = await describe(options, file);
  if (!file && join) {
    await checkPorts(options.place, self, join.role);
    const hint = parseJoinToken(join.token);
    file = await joinCluster(home, {
      token: join.token,
      ...(join.role && { role: join.role }),
      node: self,
      urls: discover(spec, hint, { ...options, ...(dnsServers && { dnsServers }) }),
      clock,
      say,
    });
  }
  file ??= await foundCluster(home, { node, hosts: place.hosts, clock, random });
  const identity = NodeIdentity.load(home, clock);
  // All its certificates ended while the node was off; perhaps the others are off, too.
  if (!identity.isUsable) {
    const member = file;
    const asking = () => askForCertificates(member, identity, self, { clock, say });
    identity.replace(await patiently(asking));
  }
  return { file, identity, self };
}

/**
 * Asks the cluster whether a node that its engine does not take is a member still. Errors: `node_removed`;
 * whatever else happens shows nothing.
 */
export async function checkMembership(
  { file, identity, self }: Member,
  clock: Clock,
): Promise<void> {
  try {
    await askForCertificates(file, identity, self, { clock, say: () => undefined });
  } catch (thrown) {
    if (toHoldfastError(thrown).code === "node_removed") throw thrown;
  }
}

/**
 * A node that joined and cannot run stays in the list of members, and its token is used up: what would stop
 * it is found before. Errors: `port_taken`, `invalid_configuration`, `engine_start_failed`.
 */
async function checkPorts(
  place: NodePlace,
  { engine }: JoiningNode,
  role: NodeRole | undefined,
): Promise<void> {
  await checkPort(place.host, place.port);
  if (role === "compute") return;
  const { host, clientPort, routePort } = engine;
  const taken = await takenPort(host, { client: clientPort, route: routePort });
  if (taken === undefined) return;
  const problem = `Port ${taken} on ${host}, which the engine of a store node needs, is taken by another process.`;
  const remedy = "Stop it, set HOLDFAST_ENGINE_PORTS, or join with --role compute.";
  throw new HoldfastError("port_taken", `${problem} ${remedy}`);
}

/**
 * The membership of a node on an engine that somebody else runs: whoever may use that engine is a member,
 * and signs its own certificates. Errors: those of `ClusterHome` and of the authority.
 */
export async function ownMember(
  options: Omit<MemberOptions, "join">,
  authority: Authority,
): Promise<Member> {
  const { home, node, place, clock } = options;
  const { cluster } = await authority.state();
  const known = home.readCluster();
  if (known && known.cluster !== cluster) {
    const problem = `${home.path} belongs to cluster ${known.cluster}; the engine holds the data of ${cluster}.`;
    throw new HoldfastError("home_of_other_cluster", problem);
  }
  const file: ClusterFile = known ?? {
    cluster,
    node,
    role: "store",
    isFounder: false,
    engines: [],
    urls: [],
  };
  if (!home.readIdentity()) {
    const requests = await createLeafRequests();
    const subject = { cluster, node, role: file.role, hosts: place.hosts };
    const issued = await issueIdentity(authority, { ...subject, requests: textsOf(requests) });
    home.writeIdentity({ requests, ...issued });
  }
  home.writeCluster(file);
  const self = await describe({ ...options, join: undefined }, file);
  return { file, identity: NodeIdentity.load(home, clock), self };
}

async function describe(
  { node, place, settings }: MemberOptions,
  file: ClusterFile | undefined,
): Promise<JoiningNode> {
  const { zone, labels, capacity } = settings;
  const { advertised, enginePorts, url, hosts } = place;
  const ports = enginePorts ?? (await choosePorts(place.host));
  const chosen = { host: advertised, clientPort: ports.client, routePort: ports.route };
  const engine = file?.engine ?? chosen;
  return { node, url, version, zone, labels, capacity, hosts: [...hosts], engine };
}
