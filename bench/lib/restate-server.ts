import { copyFileSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "./engines.ts";
import { ServerProcess } from "./server-process.ts";

/** What Restate is fetched as. */
export const restatePackages = [
  "@restatedev/restate-server@1.7.12",
  "@restatedev/restate-sdk@1.17.2",
] as const;
export const restateVersion = restatePackages[0].split("@").at(-1) ?? "";

const readyTimeoutMs = 60_000;

export interface RestateOptions {
  /** Where `restatePackages` are installed. */
  readonly packages: string;
  /** Scratch folder of this server. */
  readonly folder: string;
  /** The services' endpoint: listens on $PORT and says so on stdout. */
  readonly handler: URL;
  readonly handlerEnv?: NodeJS.ProcessEnv;
}

/** Restate on one node with its default, durable settings, and the handler that it calls. */
export class RestateServer {
  readonly #options: RestateOptions;
  readonly #ports: readonly number[];
  #server: ServerProcess | undefined;
  #handler: ServerProcess | undefined;

  private constructor(options: RestateOptions, ports: readonly number[]) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Errors: a process ends or is not ready in time; what Restate says to the handler. */
  static async start(options: RestateOptions): Promise<RestateServer> {
    const { folder, packages, handler } = options;
    mkdirSync(folder, { recursive: true });
    const modules = join(folder, "node_modules");
    if (!existsSync(modules)) symlinkSync(join(packages, "node_modules"), modules);
    copyFileSync(fileURLToPath(handler), join(folder, basename(handler.pathname)));
    const restate = new RestateServer(options, await freePorts(4));
    try {
      await restate.startHandler();
      await restate.startServer();
      await restate.#register();
    } catch (thrown) {
      await restate.stop();
      throw thrown;
    }
    return restate;
  }

  get ingress(): string {
    return `http://127.0.0.1:${this.#ports[0]}`;
  }

  get #admin(): string {
    return `http://127.0.0.1:${this.#ports[1]}`;
  }

  get server(): ServerProcess | undefined {
    return this.#server;
  }

  get handler(): ServerProcess | undefined {
    return this.#handler;
  }

  async startServer(): Promise<void> {
    const { packages, folder } = this.#options;
    const [ingress, admin, node] = this.#ports;
    const require = createRequire(join(packages, "package.json"));
    const platform = `${process.platform}-${process.arch}`;
    this.#server = new ServerProcess({
      command: require.resolve(`@restatedev/restate-server-${platform}/bin/restate-server`),
      args: ["--no-logo"],
      cwd: folder,
      log: join(folder, "server.log"),
      env: {
        ...process.env,
        RESTATE_BASE_DIR: join(folder, "data"),
        RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
        RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
        RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
        RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
        RESTATE_LOG_FILTER: "warn",
        RESTATE_DISABLE_TELEMETRY: "true",
      },
    });
  }

  async startHandler(): Promise<void> {
    const { folder, handler, handlerEnv } = this.#options;
    const child = new ServerProcess({
      command: process.execPath,
      args: [basename(handler.pathname)],
      cwd: folder,
      log: join(folder, `handler-${Date.now()}.log`),
      env: { ...process.env, ...handlerEnv, PORT: String(this.#ports[3]) },
    });
    this.#handler = child;
    await child.until(() => (child.output() === "" ? undefined : true), readyTimeoutMs);
  }

  /** The first cell of a query over Restate's own tables, see its `/query`. */
  async query(sql: string): Promise<unknown> {
    const response = await fetch(`${this.#admin}/query`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query: sql }),
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    const { rows } = (await response.json()) as { rows: Record<string, unknown>[] };
    return Object.values(rows[0] ?? {})[0];
  }

  async stop(): Promise<void> {
    await Promise.all([this.#server?.stop(), this.#handler?.stop()]);
  }

  async #register(): Promise<void> {
    const uri = `http://127.0.0.1:${this.#ports[3]}`;
    await this.#server?.until(async () => {
      const response = await fetch(`${this.#admin}/deployments`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ uri }),
      });
      if (response.ok) return true;
      throw new Error(`${response.status} ${await response.text()}`);
    }, readyTimeoutMs);
  }
}
