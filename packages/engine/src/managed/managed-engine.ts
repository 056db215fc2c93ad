import { type EngineAddress, HoldfastError } from "@holdfast/core";
import type { NatsClient } from "../nats/nats-client.ts";
import type { NatsEngine } from "../nats/nats-engine.ts";
import type { EngineUser } from "./accounts.ts";
import { clientTls, type EngineCredentials, writeCredentials } from "./credentials.ts";
import { createEngineAdmin, type EngineAdmin, type Witness } from "./engine-admin.ts";
import { EngineHome } from "./engine-home.ts";
import { accessOf, addressOf, clientServers, type EnginePlace, plansOf } from "./engine-plans.ts";
import { connectWhenReady, untilMember } from "./engine-start.ts";
import type { NatsServer } from "./find-server.ts";
import type { Ports } from "./ports.ts";
import { endOrphans, type EngineProcess, ServerGroup } from "./server-group.ts";
import { SystemAccount } from "./system-account.ts";

/** After its own server's return a node goes back to it. */
const homecomingMs = 5_000;

const portTries = 3;

export interface ManagedEngineOptions {
  readonly server: NatsServer;
  /** Folder for data, configuration and logs; made when it is not there. */
  readonly home: string;
  readonly report: (error: HoldfastError, where: string) => void;
  /** Where its servers listen and others reach them: the certificates name it. */
  readonly host: string;
  /** Without: those of last time, or free ones. */
  readonly ports?: Ports;
  /** Trust domain of the certificates. */
  readonly cluster: string;
  readonly node: string;
  /**
   * A founder runs a witness beside its data server, until there are three data servers. Looked at when the
   * folder is made.
   */
  readonly role: "founder" | "member";
  readonly credentials: EngineCredentials;
  /** Who may connect; this node too. Without: those of last time, at first this node alone. */
  readonly users?: readonly EngineUser[];
  /** The other data servers of the cluster. Without: those of last time, at first none. */
  readonly others?: readonly EngineAddress[];
  /** Ends a start that still waits for its own server or for the others. */
  readonly signal?: AbortSignal;
}

export interface EngineChange {
  readonly credentials?: EngineCredentials;
  readonly users?: readonly EngineUser[];
  readonly others?: readonly EngineAddress[];
}

export interface ManagedEngine extends NatsEngine {
  readonly processes: readonly EngineProcess[];
  /** Where other servers and nodes reach the data server. */
  readonly address: EngineAddress;
  /** The data server's name in the cluster. */
  readonly serverName: string;
  /** Its streams have, or may have, several replicas; remembered. */
  readonly isReplicated: boolean;
  readonly admin: EngineAdmin;
  /**
   * Puts new certificates, users or addresses into force, without a pause for anybody; resolves when the
   * servers took them. This node's own connections use them when they are made anew. Errors:
   * `engine_update_failed`: what was there before stays in force.
   */
  update(change: EngineChange): Promise<void>;
}

/**
 * Runs nats-server as children of this process: `data` holds the streams; the founder's `witness` holds none
 * and only votes, so that the pair can grow into a larger cluster while it works. A child that dies is
 * started again. Errors: `engine_start_failed`, `port_taken`, `home_of_other_cluster`,
 * `home_unusable`, `engine_unavailable`, the signal's reason.
 */
export async function startManagedEngine(options: ManagedEngineOptions): Promise<ManagedEngine> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOnce(options);
    } catch (thrown) {
      // Somebody took a free port between the look at it and the start: the next look chooses another.
      const isTaken = thrown instanceof HoldfastError && thrown.code === "port_taken";
      if (!isTaken || options.ports || tries >= portTries) throw thrown;
    }
  }
}

async function startOnce(options: ManagedEngineOptions): Promise<ManagedEngine> {
  const home = EngineHome.open(options.home, options);
  await endOrphans(home.path);
  const settings: Required<EngineChange> = {
    credentials: options.credentials,
    users: options.users ?? home.members?.users ?? [{ node: options.node, role: "store" }],
    others: options.others ?? home.members?.others ?? [],
  };
  const { isReplicated } = home.identity;
  const ports = await home.ports({
    host: options.host,
    wanted: options.ports,
    hasWitness: !home.identity.isWitnessRetired,
    mayMove: !isReplicated && settings.others.length === 0,
  });
  writeCredentials(home, settings.credentials);
  home.rememberMembers(settings);
  const place = { home, ports, host: options.host, cluster: options.cluster, node: options.node };
  let comeHome = (): void => undefined;
  const group = await ServerGroup.start(
    {
      binary: options.server.path,
      folder: home.path,
      report: options.report,
      onRestarted: ({ role }) => {
        if (role === "data") setTimeout(() => comeHome(), homecomingMs).unref();
      },
    },
    plansOf(place, settings.others),
    accessOf(place, settings),
  );
  let running: ReturnType<typeof runningEngine> | undefined;
  try {
    const { ca, node } = options.credentials;
    const opened = await connectWhenReady({
      node: options.node,
      address: addressOf(place),
      tls: clientTls(options.cluster, ca, node),
      isReplicated,
      refusal: group.refusal,
      signal: options.signal,
    });
    const { engine, client } = opened;
    comeHome = opened.comeHome;
    running = runningEngine({ options, settings, place, group, engine, client });
    if (!home.identity.isJoined) await running.join();
    return running.engine;
  } catch (thrown) {
    await running?.engine.close();
    await group.close();
    throw thrown;
  }
}

interface Running {
  readonly options: ManagedEngineOptions;
  readonly settings: Required<EngineChange>;
  readonly place: EnginePlace;
  readonly group: ServerGroup;
  readonly engine: NatsEngine;
  readonly client: NatsClient;
}

function runningEngine({ options, place, group, engine, client, ...running }: Running): {
  readonly engine: ManagedEngine;
  join(): Promise<void>;
} {
  const { home } = place;
  const address = addressOf(place);
  let { settings } = running;
  const servers = () => clientServers([address, ...settings.others]);
  const system = new SystemAccount(
    servers(),
    clientTls(options.cluster, settings.credentials.ca, settings.credentials.operator),
  );
  engine.replace({ servers: servers() });
  let updating: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
    const result = updating.then(run);
    updating = result.catch(() => undefined);
    return result;
  };
  const configure = (to: Required<EngineChange>) =>
    group.reconfigure(plansOf(place, to.others), accessOf(place, to));
  const update = async (change: EngineChange): Promise<void> => {
    const next = { ...settings, ...change };
    const undo = writeCredentials(home, next.credentials);
    try {
      await configure(next);
    } catch (thrown) {
      undo();
      await configure(settings).catch((again: HoldfastError) => options.report(again, "engine"));
      throw thrown;
    }
    settings = next;
    home.rememberMembers(settings);
    const { ca, node, operator } = next.credentials;
    engine.replace({ servers: servers(), tls: clientTls(options.cluster, ca, node) });
    system.replace({ servers: servers(), tls: clientTls(options.cluster, ca, operator) });
  };
  const witness = (): Witness | undefined => {
    if (!group.processes.some(({ role }) => role === "witness")) return undefined;
    const retire = async () => {
      home.remember({ isWitnessRetired: true });
      await group.end("witness");
      await configure(settings);
    };
    return { name: home.identity.witnessName, retire: () => inTurn(retire) };
  };
  const join = async () => {
    await untilMember(system, home.identity.serverName, options);
    home.remember({ isJoined: true });
    await configure(settings);
  };
  const managed: ManagedEngine = {
    ...engine,
    get processes() {
      return group.processes;
    },
    get isReplicated() {
      return home.identity.isReplicated;
    },
    address,
    serverName: home.identity.serverName,
    admin: createEngineAdmin({ client, system, witness }),
    update: (change) => inTurn(() => update(change)),
    askLeaders: () => {
      engine.askLeaders();
      home.remember({ isReplicated: true });
    },
    close: async () => {
      await inTurn(() => Promise.resolve());
      await Promise.all([engine.close(), system.close()]);
      await group.close();
    },
  };
  return { engine: managed, join };
}
