import type { HoldfastError } from "@holdfast/core";
import { unavailable } from "../nats/nats-errors.ts";
import { MetadataCopy } from "./metadata-copy.ts";
import type { ServerPlan } from "./server-config.ts";
import { ServerProcess } from "./server-process.ts";

const restartMinMs = 100;
const restartMaxMs = 10_000;

export interface SupervisorOptions {
  readonly binary: string;
  readonly report: (error: HoldfastError, where: string) => void;
  /** A process was started again after it had ended by itself. */
  readonly onRestarted?: (plan: ServerPlan) => void;
}

/** Keeps one process running. */
export class Supervisor {
  readonly plan: ServerPlan;
  readonly #options: SupervisorOptions;
  readonly #metadata: MetadataCopy;
  #process: ServerProcess | undefined;
  #stopped = false;
  /** Number of the newest configuration. */
  #configuration = 0;
  #restarting: Promise<void> | undefined;
  readonly #wake = new AbortController();

  private constructor(options: SupervisorOptions, plan: ServerPlan) {
    this.#options = options;
    this.plan = plan;
    this.#metadata = new MetadataCopy(plan.storePath);
  }

  /** Errors: `engine_start_failed`, `port_taken`. */
  static async start(options: SupervisorOptions, plan: ServerPlan): Promise<Supervisor> {
    const supervisor = new Supervisor(options, plan);
    supervisor.#process = await supervisor.#launch();
    return supervisor;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.abort();
    await this.#restarting;
    await this.#process?.stop();
    // What a server that ends in good order writes last.
    this.keepMetadata();
  }

  /** To be called often, while nothing failed for want of space. */
  keepMetadata(): void {
    try {
      if (!this.#restarting) this.#metadata.refresh();
    } catch {
      // A file went away while it was linked, or there is no space for its name: the next look tries again.
    }
  }

  /** Ends the process and starts it again. */
  async startAnew(): Promise<void> {
    if (this.#stopped || this.#restarting) return;
    this.#restarting = (async () => {
      await this.#process?.stop();
      await this.#restart();
    })();
    await this.#restarting;
  }

  /**
   * Puts the configuration that its file holds now into force; at its next start when it is away. Errors:
   * `engine_update_failed`.
   */
  async reload(): Promise<void> {
    this.#configuration += 1;
    if (!this.#restarting) await this.#process?.reload();
  }

  async #launch(): Promise<ServerProcess> {
    this.#metadata.restore();
    return ServerProcess.start(this.#options.binary, this.plan, (reason) => {
      this.#options.report(
        unavailable(`The engine's ${this.plan.role} process ${reason}; it is started again.`),
        "engine",
      );
      this.#restarting = this.#restart();
    });
  }

  async #restart(): Promise<void> {
    for (
      let pauseMs = restartMinMs;
      !this.#stopped;
      pauseMs = Math.min(restartMaxMs, pauseMs * 2)
    ) {
      await pause(pauseMs, this.#wake.signal);
      if (this.#stopped) return;
      const configuration = this.#configuration;
      try {
        this.#process = await this.#launch();
      } catch (thrown) {
        this.#report(thrown);
        continue;
      }
      this.#restarting = undefined;
      // It may have read the one before. That it does not take this one is no reason for a second process.
      if (configuration !== this.#configuration) {
        await this.#process.reload().catch((thrown: unknown) => this.#report(thrown));
      }
      this.#options.onRestarted?.(this.plan);
      return;
    }
  }

  #report(thrown: unknown): void {
    this.#options.report(thrown as HoldfastError, "engine");
  }
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener("abort", finish, { once: true });
  });
}
