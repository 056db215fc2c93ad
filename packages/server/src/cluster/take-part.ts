import {
  type Clock,
  type HoldfastError,
  type KeyValue,
  limits,
  type NodeRecord,
  type NodeRuntime,
  type Random,
  toHoldfastError,
} from "@holdfast/core";
import {
  type Authority,
  createJoinTokens,
  serverTlsOptions,
  watchAuthority,
} from "@holdfast/security";
import { engineTls, type NodeEngine, serverAt } from "../engine.ts";
import type { ClusterEntry } from "../http/cluster-entry.ts";
import type { AuthorityControl } from "../http/authority-control.ts";
import type { ApiTls } from "../http/tls-server.ts";
import { version } from "../version.ts";
import { storeUrls } from "./addresses.ts";
import type { ClusterHome } from "./cluster-home.ts";
import { EngineUsers, type Members } from "./engine-users.ts";
import { textsOf } from "./found-cluster.ts";
import { Growth } from "./growth.ts";
import type { IssuedIdentity, NodeIdentity } from "./identity.ts";
import { issueIdentity } from "./issue-identity.ts";
import { askForCertificates } from "./join.ts";
import { JoinService } from "./join-service.ts";
import type { NodePlace } from "./node-place.ts";
import type { Member } from "./open-member.ts";
import { Renewal } from "./renewal.ts";
import { Repair } from "./repair.ts";
import { silentMembers } from "./silent-members.ts";
import { storeEntry } from "./store-entry.ts";
import { Strays } from "./strays.ts";

export interface PartOptions {
  readonly home: ClusterHome;
  readonly member: Member;
  readonly place: NodePlace;
  readonly engine: NodeEngine;
  /** Only where the authority's keys can be read. */
  readonly authority: Authority | undefined;
  readonly partitions: number;
  readonly keyValue: KeyValue;
  readonly runtime: NodeRuntime;
  readonly clock: Clock;
  readonly random: Random;
  readonly say: (text: string) => void;
  readonly report: (error: HoldfastError, where: string) => void;
}

export interface ClusterPart {
  readonly entry: ClusterEntry;
  readonly tls: ApiTls;
  /** Only on store nodes with a managed engine. */
  readonly repair: Repair | undefined;
  /** Only where the authority's keys can be read. */
  readonly authorityControl: AuthorityControl | undefined;
  /** Of the authority's state that this node has taken over. */
  generation(): number;
  close(): Promise<void>;
}

/**
 * What a node does for its cluster besides running partitions: its certificates stay young, its engine
 * knows the members, and store nodes let others in and look after the replicas.
 */
export async function takePart(options: PartOptions): Promise<ClusterPart> {
  const { member, engine, keyValue, runtime, report } = options;
  const { identity, file } = member;
  const records = () => runtime.membership.nodes;
  const tls = new IdentityTls(identity, !options.place.isTlsOnly);
  const users = createUsers(options, records);
  const renewal = createRenewal(options, tls);
  const watch = await watchAuthority(
    keyValue,
    (state) => renewal.follow(state),
    (fault) => report(fault, "authority"),
  );
  runtime.membership.onChange(() => users.wake());
  users.wake();
  renewal.start();
  const growth =
    engine.managed &&
    new Growth({
      ...options,
      engine: engine.managed,
      records,
      isCoordinator: () => runtime.coordinator.isLeading,
    });
  growth?.start();
  const repair =
    engine.managed &&
    new Repair({ ...options, admin: engine.managed.admin, membership: runtime.membership });
  const strays =
    engine.managed &&
    repair &&
    new Strays({
      ...options,
      admin: engine.managed.admin,
      repair,
      membership: runtime.membership,
      isCoordinator: () => runtime.coordinator.isLeading,
    });
  strays?.start();
  const service = createService(options, users);
  const others = () => records().filter(({ node }) => node !== file.node);
  return {
    tls,
    repair,
    authorityControl: options.authority && controlOf(options.authority, runtime),
    generation: () => renewal.confirmed,
    entry: {
      store:
        service &&
        storeEntry({
          cluster: file.cluster,
          letsIn: engine.managed !== undefined,
          urls: () => [options.place.url, ...storeUrls(others())].slice(0, limits.joinTokenUrls),
          ...service,
        }),
      storeUrl: () => storeUrls(others())[0],
    },
    async close() {
      await strays?.close();
      await repair?.close();
      await growth?.close();
      await watch.close();
      await renewal.close();
      await users.close();
    },
  };
}

/** What each living node says of itself in its heartbeats. */
function controlOf(
  authority: Authority,
  { membership, heartbeats }: NodeRuntime,
): AuthorityControl {
  return {
    authority,
    confirmations: async () =>
      membership.nodes
        .filter(({ node }) => heartbeats.isAlive(node))
        .map(({ node }) => ({ node, generation: heartbeats.about(node)?.generation ?? 0 })),
  };
}

function createService(options: PartOptions, users: EngineUsers) {
  const { authority, member, engine, random, clock, keyValue, runtime } = options;
  if (!authority) return undefined;
  const tokens = createJoinTokens({ keyValue, random, clock });
  const service = new JoinService({
    ...options,
    cluster: member.file.cluster,
    version,
    authority,
    tokens,
    isSilent: silentMembers({ clock, presence: (node) => runtime.heartbeats.presence(node) }),
    prepare: async (record) => {
      engine.askLeaders();
      users.wake();
      await users.knows(record.node);
    },
  });
  return { service, tokens, authority };
}

function createUsers(options: PartOptions, records: () => readonly NodeRecord[]): EngineUsers {
  const { member, engine, home, clock, report } = options;
  const { node, role } = member.file;
  const apply = async ({ users, others, urls }: Members): Promise<void> => {
    if (engine.managed) await engine.managed.update({ users, others });
    else if (others.length > 0) {
      engine.replace({ servers: others.map(({ host, clientPort }) => serverAt(host, clientPort)) });
    }
    home.writeCluster({ ...member.file, engines: [...others], urls: [...urls] });
  };
  return new EngineUsers({ node, role, clock, records, apply, report }, undefined);
}

function createRenewal(options: PartOptions, tls: IdentityTls): Renewal {
  const { member, engine, authority, place, clock, say } = options;
  const { file, identity, self } = member;
  const { cluster, node, role } = file;
  const issue = async (): Promise<IssuedIdentity> => {
    if (!authority) {
      // The store nodes of now, whatever they were at the start.
      const urls = [...new Set([...storeUrls(options.runtime.membership.nodes), ...file.urls])];
      return askForCertificates({ cluster, urls }, identity, self, { clock, say });
    }
    return issueIdentity(authority, {
      cluster,
      node,
      role,
      hosts: place.hosts,
      requests: textsOf(identity.requests),
    });
  };
  const apply = async (): Promise<void> => {
    tls.changed();
    if (engine.managed) await engine.managed.update({ credentials: identity.storeCredentials });
    else engine.replace({ tls: engineTls(member) });
  };
  // Without the authority's key a node keeps the hosts that it was let in with.
  const hosts = authority ? place.hosts : identity.hosts;
  const missing = place.hosts.filter((host) => !authority && !hosts.includes(host));
  if (missing.length > 0) say(`the node joined without the host ${missing.join(", ")}`);
  return new Renewal({ ...options, identity, issue, apply, hosts });
}

/** The API shows the certificates that the node has now. */
class IdentityTls implements ApiTls {
  readonly allowsPlain: boolean;
  readonly #identity: NodeIdentity;
  readonly #listeners = new Set<() => void>();

  constructor(identity: NodeIdentity, allowsPlain: boolean) {
    this.#identity = identity;
    this.allowsPlain = allowsPlain;
  }

  options() {
    const identity = this.#identity.tls("node");
    if (!identity) throw toHoldfastError(new Error("A node has a certificate."));
    return serverTlsOptions({
      identity,
      bundle: this.#identity.bundle,
      clientCertificates: "none",
    });
  }

  onChange(listen: () => void): void {
    this.#listeners.add(listen);
  }

  changed(): void {
    for (const listen of this.#listeners) listen();
  }
}
