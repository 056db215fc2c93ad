import type { EngineAddress } from "@holdfast/core";
import { engineAccounts, type EngineUser } from "./accounts.ts";
import { type EngineCredentials, engineKeyOf, tlsFiles } from "./credentials.ts";
import type { EngineHome, EnginePorts } from "./engine-home.ts";
import { bracketed, type EngineAccess, type ServerPlan } from "./server-config.ts";
import { serverFiles } from "./server-group.ts";

/** What a node's engine is, and where. */
export interface EnginePlace {
  readonly home: EngineHome;
  readonly ports: EnginePorts;
  readonly host: string;
  readonly cluster: string;
  readonly node: string;
}

/**
 * A server without any data asks to be elected at its first start, and two of them that start together elect
 * each other: the cluster would forget its streams. With this many addresses where nobody is, a new server
 * expects so many members that servers without data are no majority.
 */
const absentMembers = 16;
const absentRoutes = Array.from({ length: absentMembers }, (_, number) => ({
  host: "127.0.0.1",
  port: number + 1,
}));

/** The servers that this node runs now, the witness first. Each looks for all the others. */
export function plansOf(place: EnginePlace, others: readonly EngineAddress[]): ServerPlan[] {
  const { home, ports, host } = place;
  const { identity } = home;
  const otherRoutes = others.map((other) => ({ host: other.host, port: other.routePort }));
  const data: ServerPlan = {
    role: "data",
    name: identity.serverName,
    host,
    clientPort: ports.data.client,
    routePort: ports.data.route,
    ...serverFiles(home.path, "data"),
    routes: identity.isJoined ? otherRoutes : [...otherRoutes, ...absentRoutes],
    mayMove: ports.mayMove,
  };
  if (!ports.witness || identity.isWitnessRetired) return [data];
  const witness: ServerPlan = {
    role: "witness",
    name: identity.witnessName,
    host,
    clientPort: ports.witness.client,
    routePort: ports.witness.route,
    ...serverFiles(home.path, "witness"),
    routes: [{ host, port: ports.data.route }, ...otherRoutes],
    mayMove: true,
  };
  return [witness, { ...data, routes: [{ host, port: ports.witness.route }, ...otherRoutes] }];
}

export interface EngineMembers {
  readonly credentials: EngineCredentials;
  readonly users: readonly EngineUser[];
  readonly others: readonly EngineAddress[];
}

export function accessOf(place: EnginePlace, members: EngineMembers): EngineAccess {
  return {
    files: tlsFiles(place.home),
    accounts: engineAccounts(place.cluster, place.node, members.users),
    pins: pinsOf(place.node, members),
  };
}

/** Without the key of each engine that may be there no route is held to any. */
function pinsOf(self: string, { credentials, users, others }: EngineMembers): string[] {
  const stores = users.filter(({ node, role }) => role === "store" && node !== self);
  const keys = stores.flatMap(({ engineKey }) => engineKey ?? []);
  const isComplete = keys.length === stores.length && keys.length >= others.length;
  return isComplete ? [engineKeyOf(credentials.engine.cert), ...keys] : [];
}

export function addressOf({ host, ports }: EnginePlace): EngineAddress {
  return { host, clientPort: ports.data.client, routePort: ports.data.route };
}

/** Where clients of these servers connect to. */
export function clientServers(addresses: readonly EngineAddress[]): string[] {
  return addresses.map(({ host, clientPort }) => `${bracketed(host)}:${clientPort}`);
}
