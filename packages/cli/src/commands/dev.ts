import path from "node:path";
import { HoldfastError } from "@holdfast/core";
import type { Context } from "../context.ts";
import { DevCluster, type DevFile } from "../dev/dev-cluster.ts";
import { openPlan } from "../dev/dev-plan.ts";
import { commandLimits } from "../limits.ts";
import { type Column, table } from "../output/table.ts";
import { printLine } from "../output/terminal.ts";

export interface DevOptions {
  readonly nodes?: string;
  readonly dir: string;
  readonly port?: string;
}

/** `holdfast dev`: a whole cluster in the foreground, until Ctrl-C or SIGTERM. */
export async function runDev(
  context: Context,
  options: DevOptions,
  command: readonly string[] = ownCommand(),
): Promise<number> {
  const { terminal, json } = context;
  const { stdout, stderr, env } = terminal;
  const folder = path.resolve(options.dir);
  const nodes = numberOf("--nodes", options.nodes, 1, commandLimits.devNodes);
  const port = numberOf("--port", options.port, 1, 65_535 - commandLimits.devNodes);
  const partitions = numberOf("HOLDFAST_PARTITIONS", env.HOLDFAST_PARTITIONS, 1, 256);
  const plan = await openPlan(folder, { nodes, port, partitions });
  const say = (text: string) => printLine(stderr, text);
  const cluster = new DevCluster({ folder, plan, command, env: nodeEnv(env), say });
  const asked = Promise.withResolvers<"asked">();
  let stopping = false;
  const stop = () => {
    if (stopping) cluster.kill();
    stopping = true;
    asked.resolve("asked");
  };
  const restore = context.onInterrupt(stop);
  process.on("SIGTERM", stop);
  try {
    say(`Starting ${plan.nodes.length} nodes in ${folder}, ${plan.partitions} partitions.`);
    const first = await Promise.race([asked.promise, cluster.start()]);
    if (first !== "asked") {
      if (json) printLine(stdout, JSON.stringify(first));
      else printCluster(context, folder, first);
      const second = await Promise.race([asked.promise, cluster.ended()]);
      if (second !== "asked") {
        throw new HoldfastError("not_ready", "Every node has ended; the logs say why.");
      }
    }
    say("\nStopping all nodes, the first one last. Ctrl-C once more stops at once.");
    return 0;
  } finally {
    await cluster.stop();
    restore();
    process.off("SIGTERM", stop);
  }
}

/** What runs this command runs its nodes, too. */
function ownCommand(): string[] {
  return [...process.execArgv, process.argv[1] ?? ""];
}

/** The nodes' settings are their own; what says where this command finds a node is not. */
function nodeEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const others = ["HOLDFAST_URL", "HOLDFAST_TOKEN", "HOLDFAST_CA", "HOLDFAST_JOIN"];
  const own = ["HOLDFAST_PARTITIONS", "HOLDFAST_ENGINE_PORTS", "HOLDFAST_ADVERTISE"];
  const left = [...others, ...own];
  return Object.fromEntries(Object.entries(env).filter(([name]) => !left.includes(name)));
}

/** Errors: `usage`. */
function numberOf(
  what: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  const shown = JSON.stringify(text.slice(0, 80));
  throw new HoldfastError("usage", `${what} is ${shown}: expected ${least} to ${most}.`);
}

function printCluster({ terminal }: Context, folder: string, file: DevFile): void {
  const { stdout, env } = terminal;
  const holdfast = env.npm_lifecycle_event === undefined ? "holdfast" : "npx holdfast";
  printLine(stdout, "The cluster is running.");
  printLine(stdout);
  for (const line of table(columns, file.nodes)) printLine(stdout, `  ${line}`);
  printLine(stdout);
  const home = path.join(folder, file.nodes[0]?.name ?? "");
  printLine(stdout, `  For programs   ${path.join(folder, "dev.json")}`);
  printLine(stdout, `  Try it         HOLDFAST_HOME=${home} HOLDFAST_URL=${file.nodes[0]?.url} \\`);
  printLine(stdout, `                   ${holdfast} chat demo/greeter`);
  printLine(stdout, "  Stop it        Ctrl-C");
}

const columns: readonly Column<DevFile["nodes"][number]>[] = [
  { title: "NODE", value: ({ name }) => name },
  { title: "ROLE", value: ({ roles }) => roles.join(", ") },
  { title: "API", value: ({ url }) => url },
  { title: "PROCESS", value: ({ pid }) => String(pid) },
  { title: "ENGINE", value: ({ natsPid }) => (natsPid === null ? undefined : String(natsPid)) },
];
