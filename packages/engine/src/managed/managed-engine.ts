import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { HoldfastError } from "@holdfast/core";
import { createNatsEngine, type NatsEngine } from "../nats/nats-engine.ts";
import { unavailable } from "../nats/nats-errors.ts";
import type { NatsServer } from "./find-server.ts";
import { dataTag, type EngineSecrets, type ServerPlan, serverConfig } from "./server-config.ts";
import { endOrphan, ServerProcess } from "./server-process.ts";
import { StorageWatch } from "./storage-watch.ts";

const restartMinMs = 100;
const restartMaxMs = 10_000;
const connectTimeoutMs = 10_000;

export interface ManagedEngineOptions {
  readonly server: NatsServer;
  /** Folder for data, configuration and logs; made when it is not there. */
  readonly home: string;
  readonly report: (error: HoldfastError, where: string) => void;
}

export interface ManagedEngine extends NatsEngine {
  readonly processes: readonly {
    readonly role: string;
    readonly pid: number;
    readonly port: number;
  }[];
}

/**
 * Runs nats-server as children of this process: `data` holds the streams; `witness` holds none and only
 * votes, so that the pair can grow into a larger cluster while it works. A child that dies is started
 * again. Errors: `engine_start_failed`, `engine_unavailable`.
 */
export async function startManagedEngine(options: ManagedEngineOptions): Promise<ManagedEngine> {
  const secrets = newSecrets();
  const plans = await writePlans(options.home, secrets);
  for (const plan of plans) await endOrphan(plan);
  const supervisors: Supervisor[] = [];
  const watches: StorageWatch[] = [];
  try {
    // The witness listens before the data process looks for it: otherwise they first meet a second later.
    for (const plan of plans) supervisors.push(await Supervisor.start(options, plan));
    const data = plans.find(({ role }) => role === "data");
    if (!data) throw unavailable("The engine has no data process.");
    const watch = new StorageWatch({
      folder: options.home,
      logPath: data.logPath,
      report: options.report,
      onRecovered: () => void supervisors.find(({ plan }) => plan === data)?.startAnew(),
    });
    watches.push(watch);
    const engine = await connectWhenReady(data, secrets, watch.refusal);
    return {
      ...engine,
      get processes() {
        return supervisors.map(({ plan, pid }) => ({
          role: plan.role,
          pid,
          port: plan.clientPort,
        }));
      },
      close: async () => {
        watch.close();
        await engine.close();
        await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
      },
    };
  } catch (thrown) {
    for (const watch of watches) watch.close();
    await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
    throw thrown;
  }
}

/** Keeps one process running. */
class Supervisor {
  readonly plan: ServerPlan;
  readonly #options: ManagedEngineOptions;
  #process: ServerProcess | undefined;
  #stopped = false;
  #restarting: Promise<void> | undefined;
  readonly #wake = new AbortController();

  private constructor(options: ManagedEngineOptions, plan: ServerPlan) {
    this.#options = options;
    this.plan = plan;
  }

  static async start(options: ManagedEngineOptions, plan: ServerPlan): Promise<Supervisor> {
    const supervisor = new Supervisor(options, plan);
    supervisor.#process = await supervisor.#launch();
    return supervisor;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.abort();
    await this.#restarting;
    await this.#process?.stop();
  }

  /** Ends the process and starts it again. */
  async startAnew(): Promise<void> {
    if (this.#stopped || this.#restarting) return;
    this.#restarting = (async () => {
      await this.#process?.stop();
      await this.#restart();
    })();
    await this.#restarting;
  }

  #launch(): Promise<ServerProcess> {
    return ServerProcess.start(this.#options.server.path, this.plan, (reason) => {
      this.#options.report(
        unavailable(`The engine's ${this.plan.role} process ${reason}; it is started again.`),
        "engine",
      );
      this.#restarting = this.#restart();
    });
  }

  async #restart(): Promise<void> {
    for (
      let pauseMs = restartMinMs;
      !this.#stopped;
      pauseMs = Math.min(restartMaxMs, pauseMs * 2)
    ) {
      await pause(pauseMs, this.#wake.signal);
      if (this.#stopped) return;
      try {
        this.#process = await this.#launch();
        this.#restarting = undefined;
        return;
      } catch (thrown) {
        this.#options.report(thrown as HoldfastError, "engine");
      }
    }
  }
}

function newSecrets(): EngineSecrets {
  const secret = () => randomBytes(24).toString("base64url");
  return { user: "holdfast", password: secret(), routePassword: secret() };
}

/** Free ports are chosen at every start: a port that somebody else took meanwhile is no obstacle. */
async function writePlans(home: string, secrets: EngineSecrets): Promise<ServerPlan[]> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const [witnessClient = 0, witnessCluster = 0, dataClient = 0, dataCluster = 0] =
    await freePorts(4);
  const plan = (
    role: "data" | "witness",
    clientPort: number,
    clusterPort: number,
    route: number,
  ): ServerPlan => ({
    role,
    configPath: join(home, `${role}.conf`),
    storePath: join(home, role),
    logPath: join(home, `${role}.log`),
    clientPort,
    clusterPort,
    routes: [route],
  });
  const plans = [
    plan("witness", witnessClient, witnessCluster, dataCluster),
    plan("data", dataClient, dataCluster, witnessCluster),
  ];
  for (const each of plans) {
    writeFileSync(each.configPath, serverConfig(each, secrets), { mode: 0o600 });
  }
  return plans;
}

async function connectWhenReady(
  plan: ServerPlan,
  secrets: EngineSecrets,
  refusal: () => HoldfastError | undefined,
): Promise<NatsEngine> {
  const deadline = performance.now() + connectTimeoutMs;
  for (;;) {
    try {
      return await createNatsEngine({
        connection: {
          servers: `127.0.0.1:${plan.clientPort}`,
          user: secrets.user,
          pass: secrets.password,
          timeout: 2_000,
        },
        replicas: 1,
        placementTags: [dataTag],
        refusal,
      });
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown;
      await pause(20);
    }
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
