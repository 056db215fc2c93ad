import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HoldfastError, limits } from "@holdfast/core";
import {
  connectEngine,
  engineIdentity,
  findNatsServer,
  inboxPrefixOf,
  type ManagedEngine,
  type NatsEngine,
  startManagedEngine,
  type TlsCredentials,
} from "@holdfast/engine";
import type { Member } from "./cluster/open-member.ts";
import type { NodePlace } from "./cluster/node-place.ts";
import type { Patiently } from "./patience.ts";
import type { Settings } from "./settings.ts";

export interface NodeEngine extends NatsEngine {
  /** Empty when somebody else runs the engine. */
  readonly processes: readonly {
    readonly role: string;
    readonly pid: number;
    readonly port: number;
  }[];
  /** Only where this node runs a part of the engine. */
  readonly managed?: ManagedEngine;
}

export interface EngineStart {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly settings: Settings;
  readonly place: NodePlace;
  readonly report: (error: HoldfastError, where: string) => void;
  readonly signal: AbortSignal;
}

/**
 * The node's own nats-server, which waits for the others when it is new. What fails is not tried again: a port
 * that is taken stays taken. Errors: those of `runEngine`, and of the waiting.
 */
export async function startEngine(
  start: EngineStart,
  member: Member,
  patiently: Patiently,
): Promise<NodeEngine> {
  const ending = new AbortController();
  const signal = AbortSignal.any([start.signal, ending.signal]);
  const running = runEngine({ ...start, signal }, member).then(
    (engine) => ({ engine }),
    (failure: unknown) => ({ failure }),
  );
  try {
    const outcome = await patiently(() => running);
    if ("failure" in outcome) throw outcome.failure;
    return outcome.engine;
  } catch (thrown) {
    // Its processes end before this one does.
    ending.abort(thrown);
    const late = await running;
    if ("engine" in late) await late.engine.close();
    throw thrown;
  }
}

/** Runs a store node's part of the cluster's engine. Errors: those of `startManagedEngine`. */
async function runEngine(
  start: EngineStart,
  { file, identity, self }: Member,
): Promise<NodeEngine> {
  const { place, report, signal } = start;
  const { engine } = self;
  const wanted = file.engine ? { client: engine.clientPort, route: engine.routePort } : undefined;
  const ports = wanted ?? place.enginePorts;
  const folder = join(start.home, "engine");
  const isNew = !existsSync(join(folder, "engine.json"));
  const managed = await startManagedEngine({
    server: await findNatsServer(start.env),
    home: folder,
    report,
    ...(signal && { signal }),
    host: place.advertised,
    ...(ports && { ports }),
    cluster: file.cluster,
    node: file.node,
    role: file.isFounder ? "founder" : "member",
    credentials: identity.storeCredentials,
    // At a restart the engine knows the members itself, before anything can be read.
    ...(isNew && { users: [{ node: file.node, role: "store" }], others: file.engines }),
  });
  return {
    ...managed,
    managed,
    get processes() {
      return managed.processes;
    },
  };
}

/**
 * Connects a compute node to the engines of the cluster's store nodes. Right after a join they may not know
 * the node yet, and after a power cut they may not run yet: that is to be repeated. Errors:
 * `engine_unavailable`.
 */
export async function joinEngine(member: Member): Promise<NodeEngine> {
  const { file } = member;
  const engine = await connectEngine({
    servers: file.engines.map(({ host, clientPort }) => serverAt(host, clientPort)),
    tls: engineTls(member),
    inboxPrefix: inboxPrefixOf(file.node),
    isReplicated: true,
    replicas: limits.storeNodesWanted,
  });
  return { ...engine, processes: [] };
}

/** As whom a node connects to its cluster's engines, and whom it trusts to be one. */
export function engineTls({ file, identity }: Member): TlsCredentials {
  return { ...identity.clientCredentials, serverIdentity: engineIdentity(file.cluster) };
}

/** Connects to an engine that somebody else runs. Errors: `engine_unavailable`, `invalid_configuration`. */
export async function connectExternal(
  external: NonNullable<Settings["externalEngine"]>,
): Promise<NodeEngine> {
  const { servers, credentials, authority, replicas } = external;
  const isTls = servers.some((server) => server.startsWith("tls:"));
  const engine = await connectEngine({
    servers,
    ...(credentials !== undefined && { login: loginIn(credentials) }),
    // Also an empty one: without, the client would take TLS only where the server offers it.
    ...(isTls && { tls: authority === undefined ? {} : { ca: readText(authority) } }),
    isReplicated: replicas > 1,
    replicas,
  });
  return { ...engine, processes: [] };
}

export function serverAt(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** A .creds file of NATS, or a user name and a password in two lines. */
function loginIn(file: string): { user: string; password: string } | { creds: string } {
  const text = readText(file);
  if (text.includes("BEGIN NATS USER JWT")) return { creds: text };
  const [user = "", password = ""] = text.trim().split("\n");
  return { user, password };
}

/** Errors: `invalid_configuration`. */
function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new HoldfastError("invalid_configuration", `${file} cannot be read.`, { cause });
  }
}
