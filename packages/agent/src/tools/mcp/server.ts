import { type Clock, delay, limits } from "@holdfast/core";
import type { Environment } from "../../secrets.ts";
import type { ToolLog } from "../log.ts";
import { Backoff } from "./backoff.ts";
import {
  connect,
  type Listing,
  listTools,
  type McpConnection,
  type McpTransportSpec,
} from "./connection.ts";
import { reasonOf } from "./reason.ts";

export interface McpServerOptions {
  readonly clock: Clock;
  readonly env: Environment;
  readonly log: ToolLog;
}

export type McpServerState = "stopped" | "starting" | "ready" | "away";

export interface McpServerStatus {
  readonly organization: string;
  readonly transport: "stdio" | "http";
  /** The command, or the URL without its query. */
  readonly target: string;
  readonly state: McpServerState;
  readonly pid?: number;
  readonly tools?: number;
  readonly callsInFlight: number;
  readonly failures: number;
  /** Why it is away, and when it may be tried again. */
  readonly reason?: string;
  readonly retryInMs?: number;
}

export interface ReadyServer {
  readonly connection: McpConnection;
  readonly listing: Listing;
}

/**
 * One MCP server as all agents of an organization share it: started when first needed, stopped when
 * idle, and left alone for a growing while after each failure.
 */
export class McpServer {
  readonly organization: string;
  readonly spec: McpTransportSpec;
  readonly #options: McpServerOptions;
  #ready: ReadyServer | undefined;
  #starting: Promise<void> | undefined;
  #startedAt = 0;
  #refreshing: Promise<void> | undefined;
  /** The listing is known to be wrong. */
  #stale = false;
  /** It changed again while it was read. */
  #again = false;
  #listedAt = 0;
  #legacy = false;
  readonly #backoff: Backoff;
  #calls = 0;
  #usedAt: number;
  readonly #closing = new AbortController();

  constructor(organization: string, spec: McpTransportSpec, options: McpServerOptions) {
    this.organization = organization;
    this.spec = spec;
    this.#options = options;
    this.#backoff = new Backoff(options.clock);
    this.#usedAt = options.clock.monotonic();
  }

  /** Where it is found, without anything that may be secret. */
  get target(): string {
    if (this.spec.type === "stdio") return this.spec.command;
    const url = new URL(this.spec.url);
    return `${url.origin}${url.pathname}`;
  }

  get busy(): boolean {
    return this.#calls > 0 || this.#starting !== undefined;
  }

  get usedAt(): number {
    return this.#usedAt;
  }

  /** The server with its tools at once, when it is ready and nothing has changed. */
  current(): ReadyServer | undefined {
    this.#usedAt = this.#options.clock.monotonic();
    if (this.#ready === undefined) return undefined;
    const age = this.#usedAt - this.#listedAt;
    if (age > limits.mcpListingMaxAgeMs) this.#refresh();
    return this.#stale ? undefined : this.#ready;
  }

  /**
   * Waits until the server is ready, for `waitMs` since its start began at the most, and says in a
   * phrase why it is not. An aborted signal ends the waiting.
   */
  async whenReady(
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<ReadyServer | { readonly reason: string }> {
    const { clock } = this.#options;
    const now = clock.monotonic();
    this.#usedAt = now;
    if (this.#ready !== undefined && this.#refreshing !== undefined) {
      await this.#atMost(this.#refreshing, waitMs, signal);
    }
    if (this.#ready !== undefined) return this.#ready;
    if (this.#closing.signal.aborted) return { reason: "is being stopped" };
    if (this.#starting === undefined && this.#backoff.waitMs > 0) {
      return { reason: this.#backoff.reason ?? "is away" };
    }
    this.#starting ??= this.#start();
    await this.#atMost(this.#starting, waitMs - (now - this.#startedAt), signal);
    return this.#ready ?? { reason: this.#backoff.reason ?? "is still starting" };
  }

  /** Counts a call while it runs: a server that works is not idle. */
  async use<Value>(run: () => Promise<Value>): Promise<Value> {
    this.#calls++;
    try {
      const value = await run();
      this.#backoff.succeeded();
      return value;
    } finally {
      this.#calls--;
      this.#usedAt = this.#options.clock.monotonic();
    }
  }

  /** The connection is of no use any more, though nothing closed it. */
  drop(connection: McpConnection, reason: string): void {
    if (this.#ready?.connection !== connection) return;
    this.#lost(reason);
    this.#background(connection.close());
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error("The server is being stopped."));
    await this.#starting;
    const connection = this.#ready?.connection;
    this.#ready = undefined;
    await connection?.close();
  }

  status(): McpServerStatus {
    const { failures, reason = "is away", waitMs } = this.#backoff;
    const state = this.#state();
    const pid = this.#ready?.connection.pid;
    return {
      organization: this.organization,
      transport: this.spec.type,
      target: this.target,
      state,
      ...(typeof pid === "number" ? { pid } : {}),
      ...(this.#ready === undefined ? {} : { tools: this.#ready.listing.tools.length }),
      callsInFlight: this.#calls,
      failures,
      ...(state === "away" ? { reason, retryInMs: waitMs } : {}),
    };
  }

  #state(): McpServerState {
    if (this.#ready !== undefined) return "ready";
    if (this.#starting !== undefined) return "starting";
    return this.#backoff.reason === undefined ? "stopped" : "away";
  }

  async #start(): Promise<void> {
    const { clock, log } = this.#options;
    this.#startedAt = clock.monotonic();
    this.#backoff.reason = undefined;
    let connection: McpConnection | undefined;
    try {
      connection = await connect(this.spec, {
        ...this.#options,
        fields: this.#fields(),
        legacy: this.#legacy,
        signal: this.#closing.signal,
        onToolsChanged: () => {
          this.#stale = true;
          this.#refresh();
        },
        onClosed: (reason) => this.#lost(reason),
      });
      const listing = await listTools(connection, this.#closing.signal);
      this.#legacy = connection.legacy;
      this.#listedAt = clock.monotonic();
      this.#stale = false;
      if (this.#closing.signal.aborted) await connection.close();
      else this.#ready = { connection, listing };
    } catch (error) {
      this.#lost(reasonOf(error));
      if (connection !== undefined) this.#background(connection.close());
      log.warn({ ...this.#fields(), reason: this.#backoff.reason }, "MCP server cannot be used");
    } finally {
      this.#starting = undefined;
    }
  }

  #refresh(): void {
    const ready = this.#ready;
    this.#again = true;
    if (ready === undefined || this.#refreshing !== undefined) return;
    this.#refreshing = this.#relist(ready.connection).finally(() => {
      this.#refreshing = undefined;
    });
  }

  async #relist(connection: McpConnection): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        const listing = await listTools(connection, this.#closing.signal);
        if (this.#ready?.connection !== connection) return;
        this.#listedAt = this.#options.clock.monotonic();
        this.#ready = { connection, listing };
      }
      this.#stale = false;
    } catch (error) {
      this.drop(connection, reasonOf(error));
    }
  }

  #lost(reason: string): void {
    this.#ready = undefined;
    this.#backoff.failed(reason);
  }

  async #atMost(work: Promise<void>, waitMs: number, signal?: AbortSignal): Promise<void> {
    if (waitMs <= 0) return;
    const stop = new AbortController();
    const until = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
    await Promise.race([work, delay(this.#options.clock, waitMs, until)]);
    stop.abort();
  }

  /** Endings of connections that nobody waits for. */
  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#options.log.warn({ ...this.#fields(), reason: reasonOf(error) }, "MCP server: bad end");
    });
  }

  #fields(): object {
    return { organization: this.organization, mcpServer: this.target };
  }
}
