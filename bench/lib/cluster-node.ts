import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { commandFlags } from "./command-flags.ts";
import { killHard } from "./node-process.ts";
import { ServerProcess } from "./server-process.ts";

const command = fileURLToPath(new URL("../../packages/cli/bin/holdfast.mjs", import.meta.url));
const readyTimeoutMs = 120_000;

export type BenchRole = "store" | "compute";

export interface ClusterNodeOptions {
  readonly name: string;
  readonly role: BenchRole;
  readonly port: number;
  /** Its data stands in `FOLDER/NAME`, the output of its starts beside it. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

interface Started {
  readonly url: string;
  readonly engine: { readonly version: string };
}

/** `holdfast up` as a process of its own that is killed, paused and started again, always on one home. */
export class ClusterNode {
  readonly name: string;
  readonly role: BenchRole;
  readonly url: string;
  readonly home: string;
  readonly #options: ClusterNodeOptions;
  #process: ServerProcess | undefined;
  #starts = 0;
  #isWanted = false;
  #isReady = false;

  constructor(options: ClusterNodeOptions) {
    this.#options = options;
    this.name = options.name;
    this.role = options.role;
    this.url = `https://127.0.0.1:${options.port}`;
    this.home = join(options.folder, options.name);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#process?.hasEnded === false;
  }

  /** It said that it runs, and was not killed since. */
  get isReady(): boolean {
    return this.#isReady && this.isRunning;
  }

  /** Of its engine, as the engine's own files say; those that do not run are left out. */
  get enginePids(): readonly number[] {
    return ["data", "witness"].flatMap((part) => {
      try {
        const pid = Number(readFileSync(join(this.home, "engine", `${part}.conf.pid`), "utf8"));
        const isEngine = readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(this.home);
        return isEngine ? [pid] : [];
      } catch {
        return [];
      }
    });
  }

  /** Resolves when the node says that it runs, with the version of its engine. */
  async start(env: NodeJS.ProcessEnv = {}): Promise<string> {
    const { name, port, folder } = this.#options;
    this.#starts += 1;
    this.#isWanted = true;
    this.#isReady = false;
    const started = new ServerProcess({
      command: process.execPath,
      args: [...commandFlags(), command, "up", "--json"],
      log: join(folder, `${name}.${this.#starts}.log`),
      env: {
        ...process.env,
        HOLDFAST_LOG_LEVEL: "warn",
        ...this.#options.env,
        ...env,
        HOLDFAST_HOME: this.home,
        HOLDFAST_HOST: "127.0.0.1",
        HOLDFAST_PORT: String(port),
        HOLDFAST_NODE: name,
        HOLDFAST_TLS: "on",
      },
    });
    this.#process = started;
    const line = () =>
      started
        .output()
        .split("\n")
        .slice(0, -1)
        .find((each) => each.startsWith('{"url"'));
    const said = JSON.parse(await started.until(line, readyTimeoutMs)) as Started;
    this.#isReady = true;
    return said.engine.version;
  }

  /** kill -9, of its engine's processes too when asked. Resolves when the node's process is gone. */
  async kill({ alsoEngine }: { readonly alsoEngine: boolean }): Promise<void> {
    this.#isWanted = false;
    const engine = alsoEngine ? this.enginePids : [];
    const gone = this.#process?.kill();
    for (const pid of engine) killHard(pid);
    await gone;
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    if (this.isRunning) process.kill(this.pid, signal);
  }

  /** Ends everything of it at once, e.g. when the bench itself ends. */
  killNow(): void {
    if (this.isRunning) killHard(this.pid);
    for (const pid of this.enginePids) killHard(pid);
  }

  /** The last lines of a node that ended by itself. */
  lastWords(): string | undefined {
    if (!this.#isWanted || this.isRunning) return undefined;
    return this.#process?.output().trim().slice(-2_000);
  }
}
