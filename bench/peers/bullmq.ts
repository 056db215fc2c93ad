import { execFile } from "node:child_process";
import { copyFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePorts } from "../lib/engines.ts";
import { installPackages } from "../lib/packages.ts";
import { ServerProcess } from "../lib/server-process.ts";
import type { Contender, RunningContender, StartOptions } from "./contender.ts";
import { windowChars } from "./workload.ts";

const packages = ["bullmq@6.7.0", "ioredis@5.9.3"];
const readyTimeoutMs = 30_000;
const installTimeoutMs = 300_000;

/** Queues: a conversation belongs to one, and each is worked off in order. */
const lanes = 64;

type Sync = "always" | "everysec";

/** BullMQ on Redis 7: jobs of a conversation in one queue, which a worker takes one by one. */
export function bullmq(sync: Sync): Contender {
  return {
    name: `bullmq-${sync}`,
    workload: "handler",
    settings:
      `BullMQ 6.7.0, Redis 7 with appendfsync ${sync} and no snapshots; ${lanes} queues with one worker of ` +
      `concurrency 1 each, all in one process with the HTTP front; stalled jobs after BullMQ's default 30 s`,
    start: (options) => start(sync, options),
  };
}

async function start(
  sync: Sync,
  { stub, folder, cache, conversations }: StartOptions,
): Promise<RunningContender> {
  const installed = await installPackages(cache, packages);
  const redis = await redisServer();
  symlinkSync(join(installed, "node_modules"), join(folder, "node_modules"));
  const source = new URL("./bullmq-worker.mjs", import.meta.url);
  copyFileSync(fileURLToPath(source), join(folder, "bullmq-worker.mjs"));
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const socket = join(folder, "redis.sock");
  let store = startStore();
  let worker: ServerProcess | undefined;
  let killedStore = false;
  try {
    await untilStored();
    worker = startWorker();
    await worker.until(() => isListening(), readyTimeoutMs);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  const paths = (what: string) =>
    Array.from({ length: conversations }, (_, key) => `/c${key}/${what}`);
  const target = {
    urls: [url],
    paths: paths("message"),
    acceptingPaths: paths("accept"),
    heads: [""],
  };
  return {
    version: `6.7.0, Redis ${redis.version}`,
    target: () => target,
    pids: () => [store.pid, worker?.pid ?? 0],
    async kill(scope) {
      killedStore = scope === "all";
      await Promise.all([worker?.kill(), killedStore ? store.kill() : undefined]);
    },
    async restart() {
      if (killedStore) {
        store = startStore();
        await untilStored();
      }
      worker = startWorker();
    },
    isIdle: async () => (await getJson<{ open: number }>("/c0/idle")).open === 0,
    history: (conversation) => getJson<string[]>(`/c${conversation}/history`),
    stop,
  };

  function startStore(): ServerProcess {
    return new ServerProcess({
      command: redis.command,
      args: [
        `--port 0 --unixsocket ${socket} --dir ${folder}`.split(" "),
        `--appendonly yes --appendfsync ${sync}`.split(" "),
        ["--save", ""],
      ].flat(),
      log: join(folder, `redis-${Date.now()}.log`),
    });
  }

  async function untilStored(): Promise<void> {
    const isReady = () => (/ready to accept/i.test(store.output()) ? true : undefined);
    await store.until(isReady, readyTimeoutMs);
  }

  function startWorker(): ServerProcess {
    return new ServerProcess({
      command: process.execPath,
      args: ["bullmq-worker.mjs"],
      cwd: folder,
      log: join(folder, "worker.log"),
      env: {
        ...process.env,
        PORT: String(port),
        REDIS_SOCKET: socket,
        MODEL_URL: stub.url,
        WINDOW_CHARS: String(windowChars),
        LANES: String(lanes),
      },
    });
  }

  async function isListening(): Promise<true> {
    await getJson("/c0/idle");
    return true;
  }

  async function getJson<Value>(path: string): Promise<Value> {
    const response = await fetch(url + path);
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as Value;
  }

  async function stop(): Promise<void> {
    await worker?.stop();
    await store.stop();
  }
}

/** Debian's Redis, installed when it is missing. Errors: there is none and it cannot be installed. */
async function redisServer(): Promise<{ command: string; version: string }> {
  const command = "redis-server";
  const run = promisify(execFile);
  let told = await run(command, ["--version"]).catch(() => undefined);
  if (!told) {
    // The run level keeps the package from starting a server of its own.
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
    const options = { timeout: installTimeoutMs, env };
    await run("apt-get", ["update", "-qq"], options);
    await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", command], options);
    told = await run(command, ["--version"]);
  }
  const version = /v=(\S+)/.exec(told.stdout)?.[1] ?? "";
  if (!version.startsWith("7."))
    throw new Error(`Redis 7 is wanted, this is ${told.stdout.trim()}`);
  return { command, version };
}
