import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import path from "node:path";
import { errorCatalog, type ErrorCode, HoldfastError } from "@holdfast/core";
import { commandLimits } from "../limits.ts";
import type { PlannedNode } from "./dev-plan.ts";

/** What a node said of itself when it ran. */
export interface StartedNode {
  readonly url: string;
  readonly gatewayUrl?: string;
  readonly engine: readonly { readonly role: string; readonly pid: number }[];
}

export interface DevNodeOptions {
  readonly node: PlannedNode;
  /** Its data and log stand in it. */
  readonly folder: string;
  /** The command itself: the arguments of Node that run it. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** One `holdfast up` of a cluster on this machine, a process of its own. */
export class DevNode {
  readonly plan: PlannedNode;
  readonly home: string;
  readonly logFile: string;
  /** Resolves when the process has ended, with the reason in words. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #logStart: number;
  #hasEnded = false;
  #started: StartedNode | undefined;

  private constructor(options: DevNodeOptions) {
    const { node, folder, command, env } = options;
    this.plan = node;
    this.home = path.join(folder, node.name);
    this.logFile = path.join(folder, `${node.name}.log`);
    const log = openSync(this.logFile, "a", 0o600);
    this.#logStart = fstatSync(log).size;
    this.#child = spawn(process.execPath, [...command, "up", "--json"], {
      env: {
        ...env,
        HOLDFAST_HOME: this.home,
        HOLDFAST_HOST: "127.0.0.1",
        HOLDFAST_PORT: String(node.port),
        HOLDFAST_GATEWAY_PORT:
          env.HOLDFAST_GATEWAY_PORT === "off" ? "off" : String(node.gatewayPort ?? 0),
        HOLDFAST_NODE: node.name,
        HOLDFAST_TLS: "on",
      },
      stdio: ["ignore", "pipe", log],
      // Ctrl-C is for the cluster as a whole, which stops its nodes in order.
      detached: true,
    });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      const end = (reason: string) => {
        this.#hasEnded = true;
        resolve(reason);
      };
      this.#child.once("error", ({ message }) => end(`could not be started: ${message}`));
      this.#child.once("exit", (code, signal) =>
        end(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`),
      );
    });
  }

  /** Starts the process; see `ready` for when it runs. */
  static spawn(options: DevNodeOptions): DevNode {
    return new DevNode(options);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get started(): StartedNode | undefined {
    return this.#started;
  }

  get isRunning(): boolean {
    return !this.#hasEnded;
  }

  /** Resolves when the node says that it runs. Errors: what the node said when it could not. */
  async ready(): Promise<StartedNode> {
    const line = await this.#firstLine();
    const { url, gatewayUrl, engine } = JSON.parse(line) as {
      url: string;
      gatewayUrl?: string;
      engine: { processes?: [] };
    };
    const gateway = gatewayUrl === undefined ? {} : { gatewayUrl };
    this.#started = { url, ...gateway, engine: engine.processes ?? [] };
    // What it may still print is for nobody; unread, it would block the node.
    this.#child.stdout?.resume();
    return this.#started;
  }

  /** Ends it in good order, and without one when that takes too long: then it gives false. */
  async stop(): Promise<boolean> {
    if (this.#hasEnded) {
      this.#endEngine();
      return true;
    }
    let isOrderly = true;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => {
      isOrderly = false;
      this.kill();
    }, commandLimits.devStopMs);
    await this.ended;
    clearTimeout(timer);
    return isOrderly;
  }

  /** Ends it at once. */
  kill(): void {
    if (!this.#hasEnded) this.#child.kill("SIGKILL");
  }

  /** A node that was killed leaves its engine running, for its next start to end. */
  #endEngine(): void {
    for (const { pid } of this.#started?.engine ?? []) {
      if (!commandLineOf(pid).includes(path.join(this.home, "engine"))) continue;
      try {
        process.kill(pid, "SIGTERM");
      } catch {
        // It ended by itself.
      }
    }
  }

  #firstLine(): Promise<string> {
    const { stdout } = this.#child;
    return new Promise((resolve, reject) => {
      let text = "";
      const timer = setTimeout(() => {
        const seconds = commandLimits.devStartMs / 1_000;
        const problem = `Node ${this.plan.name} did not start within ${seconds} s; see ${this.logFile}.`;
        reject(new HoldfastError("not_ready", problem));
      }, commandLimits.devStartMs);
      stdout?.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
        const line = text.split("\n").find((each) => each.startsWith('{"url"'));
        if (line === undefined || !text.includes(`${line}\n`)) return;
        clearTimeout(timer);
        stdout.removeAllListeners("data");
        resolve(line);
      });
      void this.ended.then((reason) => {
        clearTimeout(timer);
        reject(this.#failure(reason));
      });
    });
  }

  /** The error that the command printed, as its last lines. */
  #failure(reason: string): HoldfastError {
    const said = this.#logTail();
    const at = said.lastIndexOf('{\n  "error"');
    try {
      const { error } = JSON.parse(said.slice(at)) as { error: { code: string; message: string } };
      if (at >= 0 && error.code in errorCatalog) {
        const message = `Node ${this.plan.name}: ${error.message}`;
        return new HoldfastError(error.code as ErrorCode, message);
      }
    } catch {
      // It ended without saying why, in the way that programs read.
    }
    const problem = `Node ${this.plan.name} ${reason}; see ${this.logFile}.`;
    return new HoldfastError("not_ready", problem);
  }

  /** What this process wrote, its last part. */
  #logTail(): string {
    const log = openSync(this.logFile, "r");
    try {
      const { size } = fstatSync(log);
      const from = Math.max(this.#logStart, size - commandLimits.devLogTailBytes);
      const bytes = Buffer.alloc(Math.max(0, size - from));
      return bytes.toString("utf8", 0, readSync(log, bytes, 0, bytes.length, from));
    } finally {
      closeSync(log);
    }
  }
}

/** Empty when it is gone, or where the system does not tell. */
function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
