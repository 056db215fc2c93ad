import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../lib/engines.ts";
import { killHard } from "../lib/node-process.ts";
import { ServerProcess } from "../lib/server-process.ts";
import type { Contender, RunningContender, StartOptions, Workload } from "./contender.ts";
import { declareAgents, holdfastArgs } from "./holdfast-agents.ts";
import { hasNothingPending, readHistory } from "./holdfast-state.ts";

const readyTimeoutMs = 60_000;

/** One node as `holdfast up` starts it, with its own engine. */
export function holdfast(workload: Workload): Contender {
  return {
    name: "holdfast",
    workload,
    settings:
      "`holdfast up`, one node with its own engine, default settings (every append synced to disk)" +
      (workload === "prompt" ? "; agents from `holdfast import`" : ""),
    start: (options) => start(workload, options),
  };
}

interface Engine {
  readonly version: string;
  readonly processes: readonly { readonly pid: number }[];
}

async function start(workload: Workload, options: StartOptions): Promise<RunningContender> {
  const home = join(options.folder, "home");
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  /** Every engine process that ever ran: a killed node leaves its own behind. */
  const enginePids = new Set<number>();
  const killEngines = () => {
    for (const pid of enginePids) killHard(pid);
  };
  process.prependOnceListener("exit", killEngines);
  let starts = 0;
  let node = startNode();
  let engine: Engine;
  try {
    engine = await node.until(() => engineOf(node), readyTimeoutMs);
    const token = readFileSync(join(home, "admin-token"), "utf8").trim();
    const api = { url, token };
    const target = { ...(await declareAgents(api, workload, options)), urls: [url] };
    return {
      version: `nats-server ${engine.version}`,
      target: () => target,
      pids: () => [node.pid, ...engine.processes.map(({ pid }) => pid)],
      async kill(scope) {
        const gone = node.kill();
        if (scope === "all") for (const { pid } of engine.processes) killHard(pid);
        await gone;
      },
      async restart() {
        node = startNode();
        engine = await node.until(() => engineOf(node), readyTimeoutMs);
      },
      isIdle: () => hasNothingPending(api),
      history: (conversation) => readHistory(api, workload, conversation),
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }

  function startNode(): ServerProcess {
    starts += 1;
    return new ServerProcess({
      command: process.execPath,
      args: holdfastArgs("--json", "up"),
      log: join(options.folder, `node-${starts}.log`),
      env: {
        ...process.env,
        HOLDFAST_HOME: home,
        HOLDFAST_HOST: "127.0.0.1",
        HOLDFAST_PORT: String(port),
        HOLDFAST_LOG_LEVEL: "error",
      },
    });
  }

  /** What the node prints when it is ready. */
  function engineOf(running: ServerProcess): Engine | undefined {
    const line = running
      .output()
      .split("\n")
      .find((each) => each.includes('"engine":{'));
    if (line === undefined) return undefined;
    const { engine: found } = JSON.parse(line) as { engine: Engine };
    for (const { pid } of found.processes) enginePids.add(pid);
    return found;
  }

  async function stop(): Promise<void> {
    await node.stop();
    killEngines();
    process.off("exit", killEngines);
  }
}
