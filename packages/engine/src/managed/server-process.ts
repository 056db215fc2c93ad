import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { HoldfastError } from "@holdfast/core";
import type { ServerPlan } from "./server-config.ts";

const setpriv = "/usr/bin/setpriv";
const startTimeoutMs = 10_000;
const stopTimeoutMs = 5_000;
const reloadTimeoutMs = 10_000;
const pollMs = 5;

/** One running nats-server, a child of this process. */
export class ServerProcess {
  readonly plan: ServerPlan;
  readonly #child: ChildProcess;
  #exited = false;
  #expected = false;

  private constructor(plan: ServerPlan, child: ChildProcess, onExit: (reason: string) => void) {
    this.plan = plan;
    this.#child = child;
    // For systems without setpriv: nobody else ends it when this process exits in the middle.
    const end = () => child.kill("SIGTERM");
    process.once("exit", end);
    child.once("exit", (code, signal) => {
      process.off("exit", end);
      this.#exited = true;
      if (this.#expected) return;
      onExit(signal ? `was ended by ${signal}` : `ended with code ${code}${portTaken(plan)}`);
    });
    child.once("error", () => {
      process.off("exit", end);
      this.#exited = true;
    });
  }

  /**
   * Starts the process and waits until it listens. `onExit` is called when it ends without being
   * stopped. Errors: `engine_start_failed`, `port_taken`.
   */
  static async start(
    binary: string,
    plan: ServerPlan,
    onExit: (reason: string) => void,
  ): Promise<ServerProcess> {
    const [command, args] = withParentDeath(binary, ["-c", plan.configPath]);
    // In a group of its own, or Ctrl-C in a terminal would end it before the node that still needs it.
    const child = spawn(command, args, {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
      env: environment(),
    });
    let lastWords = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-2_000);
    });
    let started = false;
    const server = new ServerProcess(plan, child, (reason) => {
      if (started) onExit(reason);
    });
    try {
      if (child.pid !== undefined)
        writeFileSync(pidFile(plan.configPath), String(child.pid), { mode: 0o600 });
    } catch (cause) {
      // On a full disk: a process that nobody knows would keep the ports for ever.
      await server.stop();
      const problem = `The engine's ${plan.role} process cannot be started on this disk.`;
      throw new HoldfastError("engine_start_failed", problem, { cause });
    }
    const deadline = performance.now() + startTimeoutMs;
    // Also when another process answers on its port: one that has ended never counts as started.
    while (!(await server.#listens()) || server.#exited) {
      if (server.#exited || performance.now() > deadline) {
        await server.stop();
        throw startError(plan, lastWords.trim());
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    started = true;
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Ends the process in good order; after a while, in any order. */
  async stop(): Promise<void> {
    this.#expected = true;
    if (!this.#exited) {
      const exited = new Promise<void>((resolve) => {
        this.#child.once("exit", () => resolve());
        this.#child.once("error", () => resolve());
      });
      this.#child.kill("SIGTERM");
      const timer = setTimeout(() => this.#child.kill("SIGKILL"), stopTimeoutMs);
      await exited;
      clearTimeout(timer);
    }
    rmSync(pidFile(this.plan.configPath), { force: true });
  }

  /**
   * Makes the process read its configuration and certificates again; resolves when they are in force, or
   * when the process ended: the next one reads them. Errors: `engine_update_failed`.
   */
  async reload(): Promise<void> {
    const from = logBytes(this.plan);
    signal(this.pid, "SIGHUP");
    const deadline = performance.now() + reloadTimeoutMs;
    while (!this.#exited) {
      const text = logFrom(this.plan, from);
      if (text.includes("Reloaded server configuration")) return;
      const refusal = /Failed to reload server configuration: (.*)/.exec(text)?.[1];
      if (refusal !== undefined || performance.now() > deadline) {
        const reason = refusal ?? "it did not answer";
        throw new HoldfastError(
          "engine_update_failed",
          `The engine's ${this.plan.role} process did not take its new configuration: ${reason}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  async #listens(): Promise<boolean> {
    const { host, clientPort, routePort } = this.plan;
    return (await accepts(host, routePort)) && (await accepts(host, clientPort));
  }
}

/**
 * Ends the process that an earlier node left behind when it was killed. Only a process that runs with
 * this very configuration file is touched.
 */
export async function endOrphan(configPath: string): Promise<void> {
  const pid = orphanPid(configPath);
  if (pid === undefined) return;
  signal(pid, "SIGTERM");
  const deadline = performance.now() + stopTimeoutMs;
  while (orphanPid(configPath) === pid) {
    if (performance.now() > deadline) signal(pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function signal(pid: number, name: "SIGTERM" | "SIGKILL" | "SIGHUP"): void {
  try {
    process.kill(pid, name);
  } catch (thrown) {
    // It ended in between.
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}

function orphanPid(configPath: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile(configPath), "utf8"));
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return commandLine.includes(configPath) ? pid : undefined;
  } catch (thrown) {
    if (["ENOENT", "ESRCH"].includes((thrown as NodeJS.ErrnoException).code ?? ""))
      return undefined;
    throw thrown;
  }
}

function pidFile(configPath: string): string {
  return `${configPath}.pid`;
}

const environmentNames = ["PATH", "HOME", "TZ", "GOMEMLIMIT", "GOMAXPROCS"];

/** The node's environment holds secrets: the engine gets no more than it needs. */
function environment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.filter(([name]) => environmentNames.includes(name)));
}

/** Where the system can do it, the engine ends when its node is killed. */
function withParentDeath(binary: string, args: string[]): [string, string[]] {
  try {
    accessSync(setpriv, constants.X_OK);
    return [setpriv, ["--pdeathsig", "TERM", "--", binary, ...args]];
  } catch {
    return [binary, args];
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const finish = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}

function startError(plan: ServerPlan, lastWords: string): HoldfastError {
  const what = `The engine's ${plan.role} process did not start`;
  const taken = portTaken(plan);
  if (taken !== "") {
    const move = plan.mayMove ? ", or restart the node: it chooses other ports then" : "";
    const remedy = `Stop that process${move}.`;
    return new HoldfastError("port_taken", `${what}${taken}. ${remedy}`);
  }
  const words = lastWords || lastLogLine(plan) || "it gave no reason";
  return new HoldfastError("engine_start_failed", `${what}: ${words}`);
}

/** Says so when the process ended because another one listens on its port; empty otherwise. */
function portTaken(plan: ServerPlan): string {
  const line = lastLogLine(plan) ?? "";
  if (!/address already in use/i.test(line)) return "";
  const port = [plan.clientPort, plan.routePort].find((each) => line.includes(`:${each}`));
  return `: another process listens on its port${port === undefined ? "" : ` ${port}`}`;
}

function logBytes(plan: ServerPlan): number {
  return statSync(plan.logPath, { throwIfNoEntry: false })?.size ?? 0;
}

/** What was logged from a place on; all of it when the log was begun anew. */
function logFrom(plan: ServerPlan, from: number): string {
  try {
    const bytes = readFileSync(plan.logPath);
    return bytes.toString("utf8", bytes.length < from ? 0 : from);
  } catch {
    // Between two logs.
    return "";
  }
}

function lastLogLine(plan: ServerPlan): string | undefined {
  try {
    return readFileSync(plan.logPath, "utf8").trim().split("\n").at(-1);
  } catch {
    return undefined;
  }
}
