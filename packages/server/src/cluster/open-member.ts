import type { Clock, HoldfastError, NodeRole, Random } from "@holdfast/core";
import { choosePorts } from "@holdfast/engine";
import type { Settings } from "../settings.ts";
import { version } from "../version.ts";
import type { ClusterFile, ClusterHome } from "./cluster-home.ts";
import { parseDiscover } from "./discover-spec.ts";
import { discover } from "./discovery.ts";
import { foundCluster } from "./found-cluster.ts";
import { NodeIdentity } from "./identity.ts";
import { askForCertificates, joinCluster, type JoiningNode, memberOf } from "./join.ts";
import type { NodePlace } from "./node-place.ts";
import { parseJoinToken } from "@holdfast/security";

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
 * `ClusterHome`, `invalid_configuration`.
 */
export async function openMember(options: MemberOptions): Promise<Member> {
  const { home, join, node, place, clock, random, say } = options;
  const spec = join?.discover === undefined ? undefined : parseDiscover(join.discover);
  let file = join ? memberOf(home, join.token) : home.readCluster();
  const self = await describe(options, file);
  if (!file && join) {
    const hint = parseJoinToken(join.token);
    file = await joinCluster(home, {
      token: join.token,
      ...(join.role && { role: join.role }),
      node: self,
      urls: discover(spec, hint, options),
      clock,
      say,
    });
  }
  file ??= await foundCluster(home, { node, hosts: place.hosts, clock, random });
  const identity = NodeIdentity.load(home, clock);
  // All its certificates ended while the node was off.
  if (!identity.isUsable) {
    identity.replace(await askForCertificates(file, identity, self, { clock, say }));
  }
  return { file, identity, self };
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
