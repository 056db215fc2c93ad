import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { ApiClient } from "./api-client.ts";
import { type BenchRole, ClusterNode } from "./cluster-node.ts";
import { nodesOf, ownedCounts, type PartitionView, partitionsOf, until } from "./cluster-views.ts";

const settleTimeoutMs = 120_000;
const shareTimeoutMs = 30_000;

export interface ClusterOptions {
  readonly folder: string;
  readonly stores: number;
  readonly computes: number;
  readonly partitions: number;
  /** For all nodes. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Nodes on this machine that joined one another as those of `holdfast dev` do: TLS everywhere, every append
 * synced to disk, with three store nodes three replicas of everything. Its nodes can be killed and started
 * again, one by one.
 */
export class BenchCluster {
  readonly nodes: ClusterNode[] = [];
  /** Of nats-server. */
  engineVersion = "";
  readonly #options: ClusterOptions;
  readonly #apis = new Map<string, ApiClient>();
  #token = "";
  #ca = "";

  private constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Resolves when every partition is open, every node has some, and the data has its replicas. */
  static async start(options: ClusterOptions): Promise<BenchCluster> {
    const cluster = new BenchCluster(options);
    mkdirSync(options.folder, { recursive: true });
    // Before the folder is removed.
    process.prependOnceListener("exit", cluster.#killAll);
    try {
      await cluster.#found();
      for (let count = 1; count < options.stores; count += 1) await cluster.join("store");
      for (let count = 0; count < options.computes; count += 1) await cluster.join("compute");
      if (options.stores >= 3) await cluster.#untilReplicated();
      await cluster.untilShared();
      await cluster.untilHealthy();
      return cluster;
    } catch (thrown) {
      await cluster.stop();
      throw thrown;
    }
  }

  get running(): readonly ClusterNode[] {
    return this.nodes.filter(({ isRunning }) => isRunning);
  }

  node(name: string): ClusterNode {
    const found = this.nodes.find((node) => node.name === name);
    if (!found) throw new Error(`There is no node ${name}.`);
    return found;
  }

  /** As the administrator. */
  api({ url }: ClusterNode): ApiClient {
    const api = this.#apis.get(url) ?? new ApiClient(url, this.#token, this.#ca);
    this.#apis.set(url, api);
    return api;
  }

  /** At a node that runs. */
  get anyApi(): ApiClient {
    const [first] = this.running;
    if (!first) throw new Error("No node runs.");
    return this.api(first);
  }

  /** Another node, with a token of its own. */
  async join(role: BenchRole): Promise<ClusterNode> {
    let token = "";
    // While the data gets its replicas the engine may be without an answer for a moment.
    await until("a join token is made", settleTimeoutMs, async () => {
      const { text } = await this.anyApi.must("POST", "/api/v1/join-tokens", { body: { role } });
      ({ token } = JSON.parse(text) as { token: string });
      return true;
    });
    const node = await this.#add(role);
    await node.start({ HOLDFAST_JOIN: token });
    return node;
  }

  /** `drain` or `activate`. */
  async change(node: ClusterNode, what: "drain" | "activate"): Promise<void> {
    const store = this.running.find(({ role }) => role === "store") ?? node;
    await this.api(store).must("POST", `/api/v1/nodes/${node.name}/${what}`);
  }

  /**
   * Resolves when all nodes that run are alive in the eyes of each other and ready, one of them coordinates, and
   * every partition is open and has nothing left to do. `mayLag`: while load goes on there is always something.
   */
  async untilHealthy(
    options: { readonly mayLag?: boolean; readonly timeoutMs?: number } = {},
  ): Promise<PartitionView[]> {
    const { mayLag = false, timeoutMs = settleTimeoutMs } = options;
    let partitions: PartitionView[] = [];
    await until("the cluster is healthy", timeoutMs, async () => {
      for (const node of this.running) {
        const api = this.api(node);
        partitions = await partitionsOf(api);
        const problem =
          (await this.#problemOf(api)) ?? problemOfPartitions(partitions, this.running, mayLag);
        if (problem !== undefined) return `${node.name}: ${problem}`;
      }
      return true;
    });
    return partitions;
  }

  /**
   * Resolves when every node that runs owns partitions, or after a while: where that would not make the hottest
   * node cooler, nothing moves.
   */
  async untilShared(): Promise<void> {
    const shared = until("every node owns partitions", shareTimeoutMs, async () => {
      const counts = ownedCounts(await partitionsOf(this.anyApi));
      const idle = this.running.filter(({ name }) => !counts.has(name));
      return idle.length === 0 || `${idle.map(({ name }) => name).join(", ")} own none`;
    });
    await shared.catch((thrown: unknown) => console.error(String(thrown)));
  }

  async coordinator(): Promise<ClusterNode> {
    const name = (await nodesOf(this.anyApi)).find(({ isCoordinator }) => isCoordinator)?.node;
    if (name === undefined) throw new Error("No node coordinates.");
    return this.node(name);
  }

  /** Ends all at once: the data is not needed any more. */
  async stop(): Promise<void> {
    for (const node of this.nodes) {
      const words = node.lastWords();
      if (words !== undefined) console.error(`${node.name} ended by itself: ${words}`);
    }
    for (const api of this.#apis.values()) api.close();
    await Promise.all(this.nodes.map((node) => node.kill({ alsoEngine: true })));
    this.#killAll();
    process.off("exit", this.#killAll);
  }

  readonly #killAll = () => {
    for (const node of this.nodes) node.killNow();
  };

  async #problemOf(api: ApiClient): Promise<string | undefined> {
    const nodes = await nodesOf(api);
    const alive = nodes.filter(({ presence }) => presence === "alive").length;
    if (alive < this.running.length) return `${alive} of ${this.running.length} are alive`;
    if (!nodes.some((each) => each.isCoordinator && each.presence === "alive")) {
      return "nobody coordinates";
    }
    const { status, text } = await api.call("GET", "/readyz", { timeoutMs: 10_000 });
    return status === 200 ? undefined : `not ready: ${text.slice(0, 300)}`;
  }

  async #found(): Promise<void> {
    const node = await this.#add("store");
    const { partitions } = this.#options;
    this.engineVersion = await node.start({ HOLDFAST_PARTITIONS: String(partitions) });
    this.#token = readFileSync(join(node.home, "admin-token"), "utf8").trim();
    this.#ca = readFileSync(join(node.home, "ca.pem"), "utf8");
  }

  async #add(role: BenchRole): Promise<ClusterNode> {
    const { folder, env = {} } = this.#options;
    const name = `n${this.nodes.length + 1}`;
    const port = await freePort(new Set(this.nodes.map(({ url }) => Number(new URL(url).port))));
    const node = new ClusterNode({ name, role, port, folder, env });
    this.nodes.push(node);
    return node;
  }

  /** Only from then on a store node may die. */
  async #untilReplicated(): Promise<void> {
    await until("the data has three replicas", settleTimeoutMs, async () => {
      const { text } = await this.anyApi.must("GET", "/api/v1/operation", { timeoutMs: 10_000 });
      const { operation } = JSON.parse(text) as { operation: Operation | null };
      if (operation?.phase === "done") return true;
      return operation?.message ?? "no growth has begun";
    });
  }
}

interface Operation {
  readonly phase: string;
  readonly message: string;
}

function problemOfPartitions(
  partitions: readonly PartitionView[],
  running: readonly ClusterNode[],
  mayLag: boolean,
): string | undefined {
  const names = new Set(running.map(({ name }) => name));
  for (const { partition, owner, isOpen, lag } of partitions) {
    if (owner === undefined || !names.has(owner)) return `${partition} has no owner that lives`;
    if (!isOpen) return `${partition} is not open`;
    if (lag > 0 && !mayLag) return `${partition} has ${lag} records to do`;
  }
  return partitions.length > 0 ? undefined : "no partitions";
}

/** Below the range of outgoing connections, so that a node that is started again finds it free. */
async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 6_000);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree && !taken.has(port)) return port;
  }
}
