import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HoldfastError } from "@holdfast/core";
import { type EngineAccess, serverConfig, type ServerPlan } from "./server-config.ts";
import { endOrphan } from "./server-process.ts";
import { StorageWatch } from "./storage-watch.ts";
import { Supervisor, type SupervisorOptions } from "./supervisor.ts";

export interface EngineProcess {
  readonly role: string;
  readonly pid: number;
  readonly port: number;
}

interface ServerGroupOptions extends SupervisorOptions {
  readonly folder: string;
}

type Role = ServerPlan["role"];

/** Where the files of a process stand. */
export function serverFiles(folder: string, role: Role) {
  return {
    configPath: join(folder, `${role}.conf`),
    storePath: join(folder, role),
    logPath: join(folder, `${role}.log`),
  };
}

/** Ends what an earlier process of this node left running on this folder. */
export async function endOrphans(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const role of ["witness", "data"] as const) {
    await endOrphan(serverFiles(folder, role).configPath);
  }
}

/** The servers of one node, and an eye on their disk. */
export class ServerGroup {
  readonly #supervisors: Supervisor[] = [];
  #watch: StorageWatch | undefined;
  /** Names of the accounts that are in force. */
  #accounts: readonly string[] = [];

  private constructor() {
    // Made by `start` alone.
  }

  /**
   * Starts the servers in this order: a witness that listens before the data server looks for it meets it
   * at once, otherwise a second later. Errors: `engine_start_failed`, `port_taken`.
   */
  static async start(
    options: ServerGroupOptions,
    plans: readonly ServerPlan[],
    access: EngineAccess,
  ): Promise<ServerGroup> {
    const group = new ServerGroup();
    group.#accounts = Object.keys(access.accounts.accounts);
    try {
      for (const plan of plans) {
        writeConfig(plan, access);
        group.#supervisors.push(await Supervisor.start(options, plan));
      }
    } catch (thrown) {
      await group.close();
      throw thrown;
    }
    group.#watch = new StorageWatch({
      folder: options.folder,
      logPath: serverFiles(options.folder, "data").logPath,
      report: options.report,
      onSound: () => {
        for (const supervisor of group.#supervisors) supervisor.keepMetadata();
      },
      // The witness stands on the same disk.
      onRecovered: () => {
        for (const supervisor of group.#supervisors) void supervisor.startAnew();
      },
    });
    return group;
  }

  get processes(): readonly EngineProcess[] {
    return this.#supervisors.map(({ plan, pid }) => ({
      role: plan.role,
      pid,
      port: plan.clientPort,
    }));
  }

  /** Why nothing may be written now; undefined when it may. */
  readonly refusal = (): HoldfastError | undefined => this.#watch?.refusal();

  /** Resolves when every server took its new configuration. Errors: `engine_update_failed`. */
  async reconfigure(plans: readonly ServerPlan[], access: EngineAccess): Promise<void> {
    for (const plan of plans) writeConfig(plan, access);
    const reload = () => Promise.all(this.#supervisors.map((supervisor) => supervisor.reload()));
    await reload();
    const accounts = Object.keys(access.accounts.accounts);
    // What a new account imports, nats-server connects only when it reads its configuration the next time.
    if (accounts.some((account) => !this.#accounts.includes(account))) await reload();
    this.#accounts = accounts;
  }

  /** Ends a server for good. */
  async end(role: Role): Promise<void> {
    const supervisor = this.#supervisorOf(role);
    if (!supervisor) return;
    this.#supervisors.splice(this.#supervisors.indexOf(supervisor), 1);
    await supervisor.stop();
  }

  async close(): Promise<void> {
    this.#watch?.close();
    await Promise.all(this.#supervisors.map((supervisor) => supervisor.stop()));
  }

  #supervisorOf(role: Role): Supervisor | undefined {
    return this.#supervisors.find(({ plan }) => plan.role === role);
  }
}

/** At once: a server that is started at this moment must not read half of it. */
function writeConfig(plan: ServerPlan, access: EngineAccess): void {
  const file = `${plan.configPath}.new`;
  writeFileSync(file, serverConfig(plan, access), { mode: 0o600 });
  renameSync(file, plan.configPath);
}
