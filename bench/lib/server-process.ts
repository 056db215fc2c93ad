import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { killHard } from "./node-process.ts";
import { withDescendants } from "./process-tree.ts";

const stopTimeoutMs = 10_000;
const lastWordsChars = 2_000;

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Its stdout and stderr are appended here. */
  readonly log: string;
}

/** A server that is no child of ours in Node's sense: any program, with its output in a file. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #log: string;
  #failure: Error | undefined;

  constructor({ command, args, cwd, env, log }: ServerCommand) {
    this.#log = log;
    const output = openSync(log, "a");
    this.#child = spawn(command, args, {
      cwd,
      env: env ?? process.env,
      stdio: ["ignore", output, output],
    });
    closeSync(output);
    this.#child.once("error", (error) => {
      this.#failure = error;
    });
    // An interrupted bench leaves nothing behind, what the server has started neither.
    const killTree = () => {
      for (const pid of withDescendants(this.pid)) killHard(pid);
    };
    if (this.#child.pid !== undefined) process.prependOnceListener("exit", killTree);
    this.#child.once("exit", () => process.off("exit", killTree));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    const { exitCode, signalCode, pid } = this.#child;
    return this.#failure !== undefined || exitCode !== null || signalCode !== null || !pid;
  }

  output(): string {
    return readFileSync(this.#log, "utf8");
  }

  /**
   * Tries until `isReady` gives something that is not undefined. Errors: the process ended, or the deadline
   * passed, with the end of its output.
   */
  async until<Value>(
    isReady: () => Promise<Value | undefined> | Value | undefined,
    timeoutMs: number,
  ): Promise<Value> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      let problem: unknown;
      try {
        const value = await isReady();
        if (value !== undefined) return value;
      } catch (thrown) {
        problem = thrown;
      }
      const late = performance.now() > deadline;
      if (this.hasEnded || late) {
        const words = this.output().trim().slice(-lastWordsChars);
        const what = late ? `was not ready within ${timeoutMs} ms` : "ended";
        const name = this.#child.spawnargs.slice(0, 3).join(" ");
        throw new Error(`${name} ${what}: ${words}`, { cause: this.#failure ?? problem });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Like a crash. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** In good order; after a while like a crash. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.hasEnded) return;
    const exited = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), stopTimeoutMs);
    this.#child.kill(signal);
    await exited;
    clearTimeout(timer);
  }
}
