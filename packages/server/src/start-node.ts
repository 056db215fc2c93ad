import { hash } from "node:crypto";
import {
  composeInstructions,
  createModelGateway,
  createTools,
  readTextFile,
  resolveSecret,
} from "@holdfast/agent";
import { accountFaults, channels } from "@holdfast/channels";
import {
  assignmentBucket,
  clusterBucket,
  type Conversations,
  createNodeRuntime,
  delay,
  HoldfastError,
  invariant,
  limits,
  type NodeParts,
  type NodeRuntime,
  openResourceStore,
  storagePlan,
  toHoldfastError,
} from "@holdfast/core";
import { createTokens, requestedKeyHash } from "@holdfast/security";
import pino from "pino";
import { seedDemo } from "./demo.ts";
import { ClusterHome } from "./cluster/cluster-home.ts";
import { settleAuthority, textsOf } from "./cluster/found-cluster.ts";
import { claimOf } from "./cluster/join-proof.ts";
import { advertise, announcedInterfaces } from "./cluster/mdns.ts";
import { placeOf } from "./cluster/node-place.ts";
import {
  checkMembership,
  type JoinOptions,
  type Member,
  openMember,
  ownMember,
} from "./cluster/open-member.ts";
import { registerNode } from "./cluster/register-node.ts";
import { followRemovals } from "./cluster/removals.ts";
import { type ClusterPart, takePart } from "./cluster/take-part.ts";
import { connectExternal, joinEngine, startEngine } from "./engine.ts";
import { failpointKiller } from "./failpoint-killer.ts";
import { sessionBucket, startGateway } from "./gateway/index.ts";
import { NodeHealth } from "./health.ts";
import { openHome } from "./home.ts";
import { createHttpApi, endNodeTokens, nodeTokenName } from "./http/index.ts";
import { listen } from "./listen.ts";
import { createMetrics } from "./metrics.ts";
import { createMachineLoad } from "./machine-load.ts";
import { partitionCount } from "./partition-count.ts";
import { patience, unlessAborted } from "./patience.ts";
import { readSettings } from "./settings.ts";
import { systemClock as clock } from "./system-clock.ts";
import { systemRandom as random } from "./system-random.ts";
import { version } from "./version.ts";

export interface NodeOptions {
  /** The data folder, absolute. */
  readonly home: string;
  readonly host: string;
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  /** Becomes a member of a cluster that is there; a home that is a member already goes on as it. */
  readonly join?: JoinOptions;
  /** Ends the start, also while the node waits for others; what was started is stopped again. */
  readonly signal?: AbortSignal;
}

export interface RunningNode {
  readonly node: string;
  readonly role: "store" | "compute";
  /** For people on this machine. */
  readonly url: string;
  /** For clients of OpenClaw's gateway on this machine. */
  readonly gatewayUrl?: string;
  readonly home: string;
  /** Only when it was newly made. */
  readonly adminToken?: string;
  readonly engine: {
    readonly version: string;
    readonly processes: readonly { role: string; pid: number; port: number }[];
  };
  readonly organizations: readonly string[];
  /** The message path without HTTP. */
  readonly conversations: Conversations;
  /** Stops everything in good order. */
  close(): Promise<void>;
  /** Resolves when the node has stopped. */
  readonly closed: Promise<void>;
}

const buckets = [
  clusterBucket,
  assignmentBucket,
  "authority",
  "resources",
  "tokens",
  "memory",
  sessionBucket,
];

/**
 * Starts a node: the one place where its parts are put together. What was started is stopped again when
 * a later part fails. It waits for the engine as long as it takes. Errors: those of the parts, as a person
 * should read them; the signal's reason.
 */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { env, host, port } = options;
  /** Ends the start from within. */
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, ...(options.signal ? [options.signal] : [])]);
  const settings = readSettings(env, host);
  const reach = failpointKiller(settings.failpoint);
  const log = pino({ level: settings.logLevel, base: null }, pino.destination(2));
  const report = (error: HoldfastError, where: string) =>
    log.error({ code: error.code, where, cause: causeOf(error) }, error.message);
  const stops = new Stops();
  // The clock's timers do not keep the process, and while it waits there may be nothing else.
  const alive = setInterval(() => undefined, limits.heartbeatMs);
  stops.add(async () => clearInterval(alive));
  try {
    const home = openHome(options.home, settings.node);
    stops.add(async () => home.release());
    const { node } = home;
    const place = await placeOf(host, port, settings);
    const clusterHome = new ClusterHome(home.path);
    const say = (text: string) => log.info(text);
    const start = { home: home.path, env, settings, place, report, signal };
    let joined: Member | undefined;
    const patiently = patience({
      clock,
      say: (text) => log.warn(text),
      signal,
      check: async () => joined && checkMembership(joined, clock),
    });
    const opening = {
      home: clusterHome,
      node,
      place,
      settings,
      clock,
      random,
      say,
      report,
      patiently,
    };
    const external =
      settings.externalEngine &&
      (await unlessAborted(connectExternal(settings.externalEngine), signal));
    // A request to join that is going on ends with the process: the same keys may join again.
    if (!external) {
      joined = await unlessAborted(openMember({ ...opening, join: options.join }), signal);
    }
    const mayCoordinate = joined?.file.role !== "compute";
    const engine =
      external ??
      (await (mayCoordinate
        ? startEngine(start, known(joined), patiently)
        : patiently(() => joinEngine(known(joined)))));
    stops.add(() => engine.close());
    if (mayCoordinate) await patiently(() => engine.provision({ logs: [], buckets }));
    const wanted = settings.partitions;
    const count =
      joined?.file.partitions ?? (await patiently(() => partitionCount(engine, wanted)));
    if (mayCoordinate) await patiently(() => engine.provision(storagePlan(count)));
    const { keyValue } = engine;
    const resources = await patiently(() =>
      openResourceStore({ keyValue, clock, mayWrite: mayCoordinate, accountFaults }),
    );
    stops.add(() => resources.close());
    const tokens = await patiently(() => createTokens({ keyValue, random, clock }));
    stops.add(() => tokens.close());

    const tools = createTools({
      resources,
      keyValue,
      conversations: () => runtime.conversations,
      clock,
      env,
      log,
    });
    stops.add(() => tools.close());
    const machine = createMachineLoad();
    stops.add(async () => machine.close());
    const authority = mayCoordinate
      ? await patiently(() =>
          settleAuthority(clusterHome, {
            keyValue,
            clock,
            random,
            ...(joined && { cluster: joined.file.cluster }),
          }),
        )
      : undefined;
    const member = joined ?? (await ownMember(opening, known(authority)));
    // Heartbeats tell of it, and begin before it is there.
    const own: { part?: ClusterPart } = {};
    const about = {
      url: place.url,
      version,
      get generation() {
        return own.part?.generation() ?? 0;
      },
    };
    if (mayCoordinate) {
      const { zone, labels, capacity } = settings;
      const facts = {
        node,
        role: member.file.role,
        url: place.url,
        version,
        zone,
        labels,
        capacity,
        hosts: place.hosts,
      };
      const claim = claimOf(node, member.file.role, textsOf(member.identity.requests));
      const { requests } = member.identity;
      const address = engine.managed && {
        engine: engine.managed.address,
        engineKey: await requestedKeyHash(requests.engine.csrPem),
      };
      await patiently(() => registerNode(keyValue, { ...facts, claim, ...address }, clock));
    }
    const parts: NodeParts = {
      engine,
      clock,
      random,
      node,
      about,
      partitions: count,
      mayCoordinate,
      ...(settings.turns !== undefined && { turnCapacity: settings.turns }),
      machineLoad: () => machine.sample(),
      resources,
      model: createModelGateway({ resources, clock, random, env }),
      tools,
      instructionsOf: composeInstructions,
      digest: (text) => hash("sha256", text),
      channels: {
        channels,
        secret: (ref) => resolveSecret(ref, env, readTextFile, "account_unauthorized"),
      },
      reach,
      report,
    };
    const runtime: NodeRuntime = await patiently(() => createNodeRuntime(parts));
    let isOut = false;
    const outlived = runtime.membership.outlived.then(() => {
      const problem = `Another process has started as node ${node}, so this one stops.`;
      return new HoldfastError("node_outlived", problem);
    });
    // While it still starts; what runs then ends as any start that fails.
    void outlived.then((error) => {
      isOut = true;
      ending.abort(error);
    });
    const joining = {
      ...opening,
      member,
      engine,
      authority,
      partitions: count,
      keyValue,
      runtime,
    };
    const taken = await patiently(() => takePart(joining));
    own.part = taken;
    stops.add(() => taken.close());
    // Who was removed has nobody to hand over to: its partitions were taken away. Nor has who has a later
    // process of the same name: that one would be taken for leaving.
    stops.add(() => (isOut ? runtime.close() : runtime.leave()));
    if (mayCoordinate) await patiently(() => seedDemo(resources));
    await patiently(() => runtime.start());

    // The key to the whole cluster stays off machines that are not trusted with its data.
    const adminToken = mayCoordinate
      ? await patiently(() => ensureAdminToken(home, tokens))
      : undefined;
    const health = new NodeHealth(engine, runtime, external !== undefined);
    const api = await createHttpApi({
      conversations: runtime.conversations,
      clusterAdmin: runtime.admin,
      ...(runtime.channels && { channels: runtime.channels }),
      mayDeclare: mayCoordinate,
      resources,
      tokens,
      health,
      metrics: createMetrics({
        runtime,
        counts: () => resources.counts,
        isEngineConnected: engine.isConnected,
      }),
      clock,
      random,
      log,
      version,
      cluster: taken.entry,
      tls: taken.tls,
      ...(taken.repair && { storeRepair: taken.repair }),
      ...(taken.authorityControl && { authorityControl: taken.authorityControl }),
    });
    stops.add(() => api.close());
    await listen(api, host, place.port);
    const gateway =
      settings.gatewayPort &&
      (await startGateway({
        conversations: runtime.conversations,
        resources,
        tokens,
        health,
        clock,
        random,
        version,
        node,
        // Compute nodes may not write this bucket.
        keyValue,
        tls: taken.tls,
        host,
        port: settings.gatewayPort,
        report,
        warn: (text) => log.warn(text),
      }));
    if (gateway) stops.add(() => gateway.close());
    const interfaces = announcedInterfaces(host, settings.mdns);
    if (interfaces.length > 0) {
      const announced = advertise(node, announcementOf(member, place.url), { report, interfaces });
      stops.add(() => announced.close());
    }
    const url = place.localUrl;
    log.info({ url, node, partitions: count }, "the node is ready");

    const closed = Promise.withResolvers<void>();
    closed.promise.catch(() => undefined);
    let closing: Promise<void> | undefined;
    const stopFor = async (reason: HoldfastError): Promise<void> => {
      try {
        await stops.run();
      } catch (thrown) {
        report(toHoldfastError(thrown), "stop");
      }
      closed.reject(reason);
    };
    const endWith = (reason: HoldfastError) => {
      report(reason, "cluster");
      isOut = true;
      closing ??= stopFor(reason);
    };
    void outlived.then(endWith);
    followRemovals({
      node,
      membership: runtime.membership,
      onOwn() {
        const problem = `Node ${node} was removed from its cluster, and stops.`;
        endWith(new HoldfastError("node_removed", problem));
      },
      async onOthers(removed) {
        // They may have made another meanwhile.
        while (runtime.coordinator.isLeading && !closing) {
          try {
            return await endNodeTokens(tokens, removed);
          } catch (thrown) {
            report(toHoldfastError(thrown), "tokens of removed nodes");
            await delay(clock, limits.engineUsersRetryMs);
          }
        }
      },
    });
    return {
      node,
      role: member.file.role,
      url,
      ...(gateway?.port !== undefined && { gatewayUrl: gatewayUrlOf(url, gateway.port) }),
      home: home.path,
      ...(adminToken !== undefined && { adminToken }),
      engine: { version: engine.serverVersion, processes: engine.processes },
      organizations: resources
        .list("Organization", undefined, { limit: 100 })
        .items.map(({ name }) => name),
      conversations: runtime.conversations,
      closed: closed.promise,
      close() {
        closing ??= stops.run().then(closed.resolve, closed.reject);
        return closing;
      },
    };
  } catch (thrown) {
    // What made the start fail is what a person must read, whatever fails behind it.
    await stops.run().catch((failure: unknown) => report(toHoldfastError(failure), "stop"));
    throw thrown;
  }
}

function gatewayUrlOf(apiUrl: string, port: number): string {
  const { protocol, hostname } = new URL(apiUrl);
  return `${protocol === "https:" ? "wss" : "ws"}://${hostname}:${port}`;
}

function announcementOf({ file, identity }: Member, url: string) {
  const { authorityFingerprint: fingerprint } = identity;
  return { cluster: file.cluster, fingerprint, version, url };
}

/** What is there on every node but those of another kind. */
function known<T>(part: T | undefined): T {
  invariant(part, "a node has what its kind of node has");
  return part;
}

/** What was started, stopped in the reverse order; one failing stop does not keep the others. */
class Stops {
  readonly #stops: (() => Promise<unknown>)[] = [];

  add(stop: () => Promise<unknown>): void {
    this.#stops.push(stop);
  }

  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (let stop = this.#stops.pop(); stop; stop = this.#stops.pop()) {
      try {
        await stop();
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/**
 * The token of the folder stays valid until it is revoked, and is named after the node; a folder without a
 * valid one gets a new one.
 */
async function ensureAdminToken(
  home: ReturnType<typeof openHome>,
  tokens: Awaited<ReturnType<typeof createTokens>>,
): Promise<string | undefined> {
  const spec = { name: nodeTokenName(home.node), organization: null };
  if (home.adminToken !== undefined && (await tokens.adopt(home.adminToken, spec))) {
    return undefined;
  }
  const { token } = await tokens.create(spec);
  home.writeAdminToken(token);
  return token;
}

function causeOf(error: HoldfastError): string | undefined {
  return error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : undefined;
}
