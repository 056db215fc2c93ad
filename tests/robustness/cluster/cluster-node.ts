import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A node as the faults see it. */
export interface ClusterNode {
  readonly name: string;
  readonly roles: readonly string[];
  readonly url: string;
  readonly pid: number;
  /** Its engine's processes; none on a node without one. */
  readonly enginePids: readonly number[];
}

export interface NodeLaunch {
  readonly name: string;
  readonly home: string;
  readonly role: "store" | "compute";
  /** Arguments behind `holdfast`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What starts the command, e.g. `ip netns exec NAME`. */
  readonly wrap?: readonly string[];
  /** The repository to run, this one by default. */
  readonly repository?: string;
}

const startTimeoutMs = 60_000;
export const repositoryFolder = fileURLToPath(new URL("../../../", import.meta.url));

/** `holdfast up` as a process that is started, killed, stopped and started again. */
export class LaunchedNode implements ClusterNode {
  readonly launch: NodeLaunch;
  /** The repository that the next start runs. */
  repository: string | undefined;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #output = "";
  #url = "";

  constructor(launch: NodeLaunch) {
    this.launch = launch;
    this.repository = launch.repository;
  }

  get name(): string {
    return this.launch.name;
  }
  get roles(): readonly string[] {
    return [this.launch.role];
  }
  get url(): string {
    return this.#url;
  }
  get pid(): number {
    return this.#child?.pid ?? 0;
  }
  /** As the engine's own files say: processes that died and were started again have others. */
  get enginePids(): readonly number[] {
    return ["data", "witness"].flatMap((part) => {
      try {
        const file = `${this.launch.home}/engine/${part}.conf.pid`;
        const pid = Number(readFileSync(file, "utf8"));
        return isAlive(pid) ? [pid] : [];
      } catch {
        return [];
      }
    });
  }
  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && !this.#child.signalCode;
  }
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Resolves when it says that it runs. `env` and `args` are added to those of the launch. */
  async start(env: Readonly<Record<string, string>> = {}, args = this.launch.args): Promise<void> {
    const { wrap = [], home, name } = this.launch;
    const command = `${this.repository ?? repositoryFolder}/packages/cli/bin/holdfast.mjs`;
    const [program, ...words] = [...wrap, process.execPath, command, ...args, "--json"];
    const child = spawn(program, words, {
      env: {
        ...process.env,
        HOLDFAST_HOME: home,
        HOLDFAST_LOG_LEVEL: "warn",
        ...this.launch.env,
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once("exit", () => resolve()));
    const log = createWriteStream(`${home}.log`, { flags: "a" });
    child.once("close", () => log.end());
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log.write(text);
      this.#keep(text);
    });
    let stdout = "";
    const line = await new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
        this.#keep(text);
        const found = stdout.split("\n").find((each) => each.startsWith('{"url"'));
        if (found?.endsWith("}")) resolve(found);
      });
      const fail = (why: string) => reject(new Error(`${name} ${why}: ${this.#output}`));
      void this.#ended.then(() => fail(`ended (${child.signalCode ?? child.exitCode})`));
      setTimeout(() => fail(`is not ready after ${startTimeoutMs} ms`), startTimeoutMs).unref();
    });
    this.#url = (JSON.parse(line) as { url: string }).url;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** In good order; what does not end is killed. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.signal("SIGCONT");
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), 30_000);
    await this.#ended;
    clearTimeout(timer);
    for (const pid of this.enginePids) killQuietly(pid, "SIGKILL");
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-20_000);
  }
}

/** Whether a process runs; one that ended and was not waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    return pid > 0 && !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

export function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}
