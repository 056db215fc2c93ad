import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { NodeApi } from "../traffic/api-client.ts";
import { until } from "./admin.ts";
import {
  isAlive,
  killQuietly,
  LaunchedNode,
  type NodeLaunch,
  repositoryFolder,
} from "./cluster-node.ts";
import { authoritiesOf } from "./journals.ts";

const growthTimeoutMs = 120_000;
const execute = promisify(execFile);

export interface ClusterOptions {
  readonly folder: string;
  readonly stores: number;
  readonly computes: number;
  readonly partitions: number;
  /** What is special about a node: where it runs, under which clock, of which version. */
  readonly special?: (name: string) => Partial<Pick<NodeLaunch, "env" | "wrap" | "repository">>;
}

/** A cluster of real `holdfast up` processes that joined one another with tokens. */
export class LaunchedCluster {
  readonly nodes: LaunchedNode[] = [];
  readonly #options: ClusterOptions;
  readonly #apis = new Map<string, NodeApi>();
  token = "";
  ca = "";

  private constructor(options: ClusterOptions) {
    this.#options = options;
  }

  static async start(options: ClusterOptions): Promise<LaunchedCluster> {
    const cluster = new LaunchedCluster(options);
    try {
      await cluster.#found();
      for (let i = 1; i < options.stores; i += 1) await cluster.join(`store-${i + 1}`, "store");
      for (let i = 0; i < options.computes; i += 1) {
        await cluster.join(`compute-${i + 1}`, "compute");
      }
      return cluster;
    } catch (thrown) {
      await cluster.close();
      throw thrown;
    }
  }

  node(name: string): LaunchedNode {
    const found = this.nodes.find((node) => node.name === name);
    if (!found) throw new Error(`There is no node ${name}.`);
    return found;
  }

  api(name: string): NodeApi {
    const { url } = this.node(name);
    const key = `${name} ${url}`;
    const found = this.#apis.get(key) ?? new NodeApi(url, this.token, this.ca || undefined);
    this.#apis.set(key, found);
    return found;
  }

  /** A store node that runs: only there the cluster is changed. */
  store(except?: string): NodeApi {
    const found = this.running.find(
      ({ name, roles }) => name !== except && roles.includes("store"),
    );
    if (!found) throw new Error("No store node runs.");
    return this.api(found.name);
  }

  /** Those whose process runs. */
  get running(): LaunchedNode[] {
    return this.nodes.filter(({ isRunning }) => isRunning);
  }

  /**
   * With three store nodes the founder's witness leaves when every stream has three replicas: only from then
   * on one of them may die.
   */
  async untilGrown(): Promise<void> {
    const [founder] = this.nodes;
    await until("the data has three replicas", growthTimeoutMs, async () => {
      const left = founder?.enginePids.length ?? 0;
      return left <= 1 || `${left} engine processes`;
    });
  }

  /** Another node, with a token of its own. */
  async join(name: string, role: "store" | "compute"): Promise<LaunchedNode> {
    let token = "";
    // The engine may be electing: the cluster says so, and is asked again.
    await until("a token is given", 60_000, async () => {
      ({ token } = await this.store().must("POST", "/api/v1/join-tokens", { body: { role } }));
      return true;
    });
    const node = await this.#add(name, role);
    await node.start({}, ["up", "--join", token, "--role", role, "--name", name]);
    return node;
  }

  /** Runs a `holdfast` command as the administrator, at a node that runs. */
  command(args: readonly string[], at = this.running[0]): Promise<{ stdout: string }> {
    const { wrap = [], repository = repositoryFolder } = at?.launch ?? {};
    const command = `${repository}/packages/cli/bin/holdfast.mjs`;
    const [program = "", ...words] = [...wrap, process.execPath, command, ...args];
    return execute(program, words, {
      env: {
        ...process.env,
        HOLDFAST_URL: at?.url ?? "",
        HOLDFAST_TOKEN: this.token,
        HOLDFAST_CA: this.#caFile,
      },
      timeout: 120_000,
    });
  }

  get #caFile(): string {
    return join(this.#options.folder, "ca.pem");
  }

  /** As a power cut: the node's process and its engine's, at once. Resolves when all are gone. */
  async kill(...names: readonly string[]): Promise<void> {
    const nodes = names.map((name) => this.node(name));
    const pids = nodes.flatMap(({ pid, enginePids }) => [pid, ...enginePids]);
    for (const pid of pids) killQuietly(pid, "SIGKILL");
    await Promise.all(nodes.map(({ ended }) => ended));
    await untilGone(pids);
  }

  /** Removes it from the list of nodes: it will not come back. */
  forget(name: string): void {
    this.nodes.splice(this.nodes.indexOf(this.node(name)), 1);
  }

  async close(): Promise<void> {
    for (const api of this.#apis.values()) api.close();
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  async #found(): Promise<void> {
    const node = await this.#add("store-1", "store");
    await node.start();
    this.token = readFileSync(join(node.launch.home, "admin-token"), "utf8").trim();
    this.ca = authoritiesOf(node.launch.home);
    writeFileSync(this.#caFile, this.ca);
  }

  async #add(name: string, role: "store" | "compute"): Promise<LaunchedNode> {
    const { folder, partitions, special } = this.#options;
    const home = join(folder, name);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const { env = {}, ...rest } = special?.(name) ?? {};
    const node = new LaunchedNode({
      name,
      home,
      role,
      args: ["up"],
      env: {
        HOLDFAST_NODE: name,
        HOLDFAST_PORT: String(await freePort()),
        HOLDFAST_PARTITIONS: String(partitions),
        HOLDFAST_TLS: "on",
        ...env,
      },
      ...rest,
    });
    this.nodes.push(node);
    return node;
  }
}

async function untilGone(pids: readonly number[]): Promise<void> {
  await until("the processes end", 10_000, async () => {
    const left = pids.filter(isAlive);
    return left.length === 0 || left.join(" ");
  });
}

/** Below the ranges of outgoing connections and of engines, so that a node that is started again finds it free. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 6_000);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
