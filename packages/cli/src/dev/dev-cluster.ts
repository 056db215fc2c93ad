import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { HoldfastError, toHoldfastError } from "@holdfast/core";
import { type Client, createClient } from "@holdfast/sdk";
import { commandLimits } from "../limits.ts";
import { DevNode } from "./dev-node.ts";
import { type DevPlan, isStore, type PlannedNode, writePrivate } from "./dev-plan.ts";

export interface DevClusterOptions {
  /** Absolute. */
  readonly folder: string;
  readonly plan: DevPlan;
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Says what happens, for people. */
  readonly say: (text: string) => void;
}

/** `dev.json`: what programs need to use the cluster, while it runs. */
export interface DevFile {
  readonly nodes: readonly {
    readonly name: string;
    readonly pid: number;
    readonly url: string;
    /** For clients of OpenClaw's gateway. */
    readonly gatewayUrl?: string;
    readonly roles: readonly string[];
    /** Of the process that holds the data; null at nodes without an engine. */
    readonly natsPid: number | null;
  }[];
  /** An administrator's. */
  readonly token: string;
  /** PEM file of the cluster's authority. */
  readonly ca: string;
}

/** A cluster of real nodes on this machine. */
export class DevCluster {
  readonly #options: DevClusterOptions;
  readonly #nodes = new Map<string, DevNode>();
  /** Nodes of the plan that the cluster removed. */
  readonly #removed = new Set<string>();
  #stopping = false;
  /** `dev.json` is of this run. */
  #hasWritten = false;
  #token: string | undefined;

  constructor(options: DevClusterOptions) {
    this.#options = options;
  }

  /**
   * Starts every node and resolves when each processes messages, and with three store nodes or more when
   * the data has three replicas. A node that was removed is left out. Errors: those of the nodes; the rest goes
   * on running until `stop`.
   */
  async start(): Promise<DevFile> {
    const { plan } = this.#options;
    const [founder] = plan.nodes;
    if (!this.#isRunning()) this.#forget();
    if (!founder) throw new HoldfastError("usage", "A cluster has one node at least.");
    // Where most store nodes must be there before any gets ready, none may wait for another.
    const members = plan.nodes.filter((node) => this.#isMember(node));
    const stores = members.filter(isStore);
    await this.#startAll(stores.length > 0 ? stores : [founder], {
      HOLDFAST_PARTITIONS: String(plan.partitions),
    });
    this.#token = await this.#openToken();
    await this.#startAll(members.filter((node) => !isStore(node)));
    for (const node of plan.nodes) if (!this.#nodes.has(node.name)) await this.#join(node);
    const nodes = plan.nodes.filter(({ name }) => !this.#removed.has(name));
    await Promise.all(nodes.map((node) => this.#untilReady(node)));
    if (nodes.filter(isStore).length >= 3) await this.#untilReplicated();
    const file = this.#describe(nodes);
    writePrivate(this.#file("dev.json"), `${JSON.stringify(file, null, 2)}\n`);
    this.#hasWritten = true;
    return file;
  }

  /** Resolves when no node runs any more. */
  async ended(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map(({ ended }) => ended));
  }

  /** Compute nodes first, then store nodes, the founder last. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#hasWritten) this.#forget();
    const nodes = [...this.#nodes.values()];
    await Promise.all(nodes.filter(({ plan }) => !isStore(plan)).map((node) => this.#end(node)));
    for (const node of nodes.filter(({ plan }) => isStore(plan)).reverse()) await this.#end(node);
  }

  async #end(node: DevNode): Promise<void> {
    if (await node.stop()) return;
    const seconds = commandLimits.devStopMs / 1_000;
    this.#options.say(`${node.plan.name} did not stop within ${seconds} s and was killed.`);
  }

  /** Ends all at once. */
  kill(): void {
    this.#stopping = true;
    for (const node of this.#nodes.values()) node.kill();
  }

  #isMember({ name }: PlannedNode): boolean {
    return existsSync(path.join(this.#options.folder, name, "cluster.json"));
  }

  async #startAll(nodes: readonly PlannedNode[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    const started = nodes.map((node) => this.#spawn(node, env));
    await Promise.all(started.map((node) => this.#ready(node)));
  }

  async #ready(node: DevNode): Promise<void> {
    try {
      await node.ready();
    } catch (thrown) {
      if (toHoldfastError(thrown).code !== "node_removed") throw thrown;
      this.#removed.add(node.plan.name);
      this.#options.say(`${node.plan.name} was removed from the cluster, and is left out`);
    }
  }

  /** Nobody may take the cluster of the last start for one that runs. */
  /** Whether nodes of another run still go on here: `dev.json` is theirs. */
  #isRunning(): boolean {
    const file = this.#file("dev.json");
    if (!existsSync(file)) return false;
    const { nodes } = JSON.parse(readFile(file)) as DevFile;
    return nodes.some(({ pid }) => isProcess(pid));
  }

  #forget(): void {
    rmSync(this.#file("dev.json"), { force: true });
  }

  #file(name: string): string {
    return path.join(this.#options.folder, name);
  }

  /** Lets a new node in. */
  async #join(node: PlannedNode): Promise<void> {
    const token = await this.#joinToken(node);
    await this.#spawn(node, { HOLDFAST_JOIN: token }).ready();
    this.#options.say(`${node.name} joined as ${node.role} node`);
  }

  /** While the data is being copied its streams elect: what could not be written is asked for again. */
  async #joinToken({ role }: PlannedNode): Promise<string> {
    const deadline = performance.now() + commandLimits.devReadyMs;
    for (;;) {
      try {
        return (await this.#firstStore().createJoinToken({ role })).token;
      } catch (thrown) {
        const isOver = this.#stopping || performance.now() > deadline;
        if (isOver || toHoldfastError(thrown).retry !== "safe") throw thrown;
      }
      await new Promise((resolve) => setTimeout(resolve, commandLimits.devLookMs));
    }
  }

  #spawn(node: PlannedNode, env: NodeJS.ProcessEnv): DevNode {
    const { folder, command, say } = this.#options;
    if (this.#stopping) throw new HoldfastError("not_ready", "The cluster is stopping.");
    const started = DevNode.spawn({
      node,
      folder,
      command,
      env: { ...this.#options.env, ...env },
    });
    this.#nodes.set(node.name, started);
    void started.ended.then((reason) => {
      if (this.#stopping) return;
      const running = [...this.#nodes.values()].filter(({ isRunning }) => isRunning);
      const rest = running.map(({ plan }) => plan.name).join(", ") || "none";
      say(`${node.name} ${reason} (log: ${started.logFile}); still running: ${rest}`);
    });
    return started;
  }

  /** The one of the last start, or a new one: a node's own would end when that node is removed. */
  async #openToken(): Promise<string> {
    const file = this.#file("token");
    if (existsSync(file)) {
      this.#token = readFile(file).trim();
      try {
        await this.#firstStore().nodes();
        return this.#token;
      } catch (thrown) {
        if (toHoldfastError(thrown).code !== "unauthenticated") throw thrown;
      }
    }
    this.#token = undefined;
    const { token } = await this.#firstStore().createToken({ name: "holdfast dev" });
    writePrivate(file, `${token}\n`);
    return token;
  }

  #firstStore(): Client {
    const { started } = this.#first() ?? {};
    if (!started) throw new HoldfastError("not_ready", "No store node runs.");
    return this.#client(started.url);
  }

  /** The founder, as long as it is a member. */
  #first(): DevNode | undefined {
    const { plan } = this.#options;
    const first = plan.nodes.find((node) => isStore(node) && !this.#removed.has(node.name));
    return first && this.#nodes.get(first.name);
  }

  #client(url: string): Client {
    const { ca, token } = this.#access();
    return createClient({ url, token, ca: readFile(ca), attempts: 3 });
  }

  #access(): { ca: string; token: string } {
    const home = this.#first()?.home ?? "";
    return {
      ca: path.join(home, "ca.pem"),
      token: this.#token ?? readFile(path.join(home, "admin-token")).trim(),
    };
  }

  async #untilReady({ name }: PlannedNode): Promise<void> {
    const node = this.#nodes.get(name);
    const client = this.#client(node?.started?.url ?? "");
    let last = "";
    await this.#until(
      () => `Node ${name} does not process messages: ${last}`,
      async () => {
        const { ready, checks } = await client.readiness();
        last = checks
          .filter(({ ok }) => !ok)
          .map((check) => `${check.name}: ${check.detail}`)
          .join("; ");
        return ready;
      },
    );
  }

  async #untilReplicated(): Promise<void> {
    const { say } = this.#options;
    let last = "";
    let phase: string | undefined;
    await this.#until(
      () => `The data has no three replicas yet. ${last}`,
      async () => {
        const operation = await this.#firstStore().operation();
        if (operation && operation.phase !== phase) say(operation.message);
        phase = operation?.phase;
        last = operation?.message ?? "";
        // A dead node is only replaced where three replicas were before.
        return phase === "done" || operation?.kind === "replace";
      },
    );
  }

  async #until(problem: () => string, isTrue: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + commandLimits.devReadyMs;
    let trouble: HoldfastError | undefined;
    for (;;) {
      try {
        if (await isTrue()) return;
        trouble = undefined;
      } catch (thrown) {
        trouble = toHoldfastError(thrown);
      }
      if (this.#stopping) throw new HoldfastError("not_ready", "The cluster is stopping.");
      if (performance.now() > deadline) {
        const cause = trouble ? ` ${trouble.message}` : "";
        throw new HoldfastError("not_ready", problem() + cause, { cause: trouble });
      }
      await new Promise((resolve) => setTimeout(resolve, commandLimits.devLookMs));
    }
  }

  #describe(planned: readonly PlannedNode[]): DevFile {
    const nodes = planned.map(({ name, role }) => {
      const node = this.#nodes.get(name);
      const data = node?.started?.engine.find((process) => process.role === "data");
      const { url = "", gatewayUrl } = node?.started ?? {};
      const gateway = gatewayUrl === undefined ? {} : { gatewayUrl };
      return {
        name,
        pid: node?.pid ?? 0,
        url,
        ...gateway,
        roles: [role],
        natsPid: data?.pid ?? null,
      };
    });
    return { nodes, ...this.#access() };
  }
}

function isProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    // It is there, and somebody else's.
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

function readFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new HoldfastError("file_unreadable", `${file} cannot be read.`, { cause });
  }
}
