import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { findNatsServer } from "@holdfast/engine";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { endWithParent } from "./child.ts";

const readyTimeoutMs = 20_000;
const pollMs = 50;
const stopTimeoutMs = 5_000;

/** Servers that a bench started: one that stands alone (R1), or a cluster of three (R3). */
export interface Engines {
  readonly servers: readonly string[];
  readonly user: string;
  readonly password: string;
  readonly replicas: number;
  readonly version: string;
  readonly pids: readonly number[];
  /** What a node needs in its environment to use them. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends one of them like a crash; 0 is the first. */
  kill(server: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts nats-servers on loopback that write every acknowledged message to disk, with their data under
 * `folder`. Resolves when streams can be made. Errors: those of `findNatsServer`; a server that does not
 * start, with the end of its log.
 */
export async function startEngines(folder: string, replicas: 1 | 3): Promise<Engines> {
  const binary = await findNatsServer(process.env);
  const user = "bench";
  const password = "bench-password";
  const count = replicas;
  const clientPorts = await freePorts(count);
  const clusterPorts = count > 1 ? await freePorts(count) : [];
  const children: ChildProcess[] = [];
  mkdirSync(folder, { recursive: true });
  clientPorts.forEach((port, server) => {
    const config = {
      server_name: `bench-${server}`,
      host: "127.0.0.1",
      port,
      log_file: join(folder, `${server}.log`),
      max_payload: 1_048_576,
      max_pending: 268_435_456,
      jetstream: { store_dir: join(folder, `store-${server}`), sync_interval: "always" },
      system_account: "SYS",
      accounts: { SYS: {}, BENCH: { jetstream: "enabled", users: [{ user, password }] } },
      ...(count > 1 && {
        cluster: {
          name: "bench",
          host: "127.0.0.1",
          port: clusterPorts[server],
          no_advertise: true,
          pool_size: 1,
          routes: clusterPorts.map((other) => `nats-route://127.0.0.1:${other}`),
        },
      }),
    };
    const path = join(folder, `${server}.conf`);
    writeFileSync(path, JSON.stringify(config));
    const child = spawn(binary.path, ["-c", path], { stdio: "ignore" });
    endWithParent(child);
    children.push(child);
  });
  const servers = clientPorts.map((port) => `nats://127.0.0.1:${port}`);
  const stop = async () => {
    await Promise.all(children.map((child) => endChild(child, "SIGTERM")));
  };
  try {
    await untilReady(servers, { user, pass: password, replicas });
  } catch (cause) {
    await stop();
    const log = readFileSync(join(folder, "0.log"), "utf8").slice(-2_000);
    throw new Error(`The engines did not become ready: ${log}`, { cause });
  }
  const credentials = join(folder, "credentials");
  writeFileSync(credentials, `${user}\n${password}\n`, { mode: 0o600 });
  return {
    servers,
    user,
    password,
    replicas,
    version: binary.version,
    pids: children.map(({ pid }) => pid ?? 0),
    env: {
      HOLDFAST_ENGINE: servers.join(","),
      HOLDFAST_ENGINE_CREDENTIALS: credentials,
      HOLDFAST_ENGINE_REPLICAS: String(replicas),
    },
    kill: async (server) => {
      const child = children[server];
      if (child) await endChild(child, "SIGKILL");
    },
    stop,
  };
}

/** Ready means that a stream with all its replicas can be made. */
async function untilReady(
  servers: readonly string[],
  { user, pass, replicas }: { user: string; pass: string; replicas: number },
): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  for (;;) {
    let connection: NatsConnection | undefined;
    try {
      connection = await connect({ servers: [...servers], user, pass, timeout: 2_000 });
      const config = {
        name: "READY",
        subjects: ["ready"],
        num_replicas: replicas,
        storage: "file",
      };
      const made = await connection.request("$JS.API.STREAM.CREATE.READY", JSON.stringify(config));
      const { error } = made.json<{ error?: { description: string } }>();
      if (error) throw new Error(error.description);
      await connection.request("$JS.API.STREAM.DELETE.READY", "");
      return;
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    } finally {
      await connection?.close();
    }
  }
}

async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  child.kill(signal);
  await exited;
  clearTimeout(timer);
}

/** Ports of loopback that nobody uses at the moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    ports.push((server.address() as { port: number }).port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
