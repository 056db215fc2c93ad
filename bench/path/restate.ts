import { type ChildProcess, execFile, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { endWithParent } from "../lib/child.ts";
import { freePorts } from "../lib/engines.ts";
import { type HttpTarget } from "../lib/load.ts";
import { conversations } from "./workload.ts";

const packages = ["@restatedev/restate-server@1.7.12", "@restatedev/restate-sdk@1.17.2"];
const installTimeoutMs = 180_000;
const readyTimeoutMs = 60_000;
const pollMs = 100;
const stopTimeoutMs = 10_000;

export interface Restate {
  readonly version: string;
  readonly target: HttpTarget;
  stop(): Promise<void>;
}

/**
 * Baseline (b): Restate on one node with its default, durable settings, and a virtual object keyed by
 * conversation. Its packages are fetched with npm into `folder`, outside the repository. Errors: what npm
 * says when it cannot fetch them.
 */
export async function startRestate(folder: string): Promise<Restate> {
  await install(folder);
  const children: ChildProcess[] = [];
  const stop = async () => {
    await Promise.all(children.map(endChild));
  };
  try {
    const [ingress = 0, admin = 0, node = 0] = await freePorts(3);
    const server = startServer(folder, { ingress, admin, node });
    endWithParent(server);
    children.push(server);
    const handler = await startHandler(folder, children);
    await register(`http://127.0.0.1:${admin}`, `http://127.0.0.1:${handler}`);
    return {
      version: packages[0]?.split("@").at(-1) ?? "",
      target: {
        url: `http://127.0.0.1:${ingress}`,
        paths: Array.from({ length: conversations }, (_, key) => `/Conversation/c${key}/message`),
        headers: [],
      },
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function install(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  if (existsSync(join(folder, "node_modules", "@restatedev", "restate-sdk"))) return;
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages];
  await promisify(execFile)("npm", args, { cwd: folder, timeout: installTimeoutMs });
}

function startServer(
  folder: string,
  { ingress, admin, node }: { ingress: number; admin: number; node: number },
): ChildProcess {
  const require = createRequire(join(folder, "package.json"));
  const binary = require.resolve(
    `@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`,
  );
  const log = openSync(join(folder, "server.log"), "a");
  return spawn(binary, ["--no-logo"], {
    cwd: folder,
    stdio: ["ignore", log, log],
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

/** Resolves to the handler's port. */
async function startHandler(folder: string, children: ChildProcess[]): Promise<number> {
  const file = join(folder, "restate-handler.mjs");
  copyFileSync(fileURLToPath(new URL("./restate-handler.mjs", import.meta.url)), file);
  const child = spawn(process.execPath, [file], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  endWithParent(child);
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding("utf8").once("data", (text: string) => resolve(Number(text.trim())));
    child.once("exit", (code) => reject(new Error(`the Restate handler ended with ${code}`)));
  });
}

async function register(admin: string, uri: string): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  for (;;) {
    try {
      const response = await fetch(`${admin}/deployments`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ uri }),
      });
      if (response.ok) return;
      throw new Error(`${response.status} ${await response.text()}`);
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  child.kill("SIGTERM");
  await exited;
  clearTimeout(timer);
}
