import { statfsSync, writeFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { toHoldfastError, errorCatalog } from "@holdfast/core";
import { findNatsServer } from "@holdfast/engine";
import { makeFolder } from "./home.ts";
import { readSettings } from "./settings.ts";
import type { NodeOptions } from "./start-node.ts";

export interface DoctorCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

const lowDiskBytes = 1024 ** 3;

export interface DoctorOptions extends Omit<NodeOptions, "join"> {
  /** The node that runs here says that others run its engine, whatever this environment says. */
  readonly isEngineExternal: boolean;
}

/** Whether this machine can run a node, one answer per question. Changes nothing. */
export async function runDoctor(options: DoctorOptions): Promise<readonly DoctorCheck[]> {
  const isExternal = options.isEngineExternal || Boolean(options.env["HOLDFAST_ENGINE"]);
  return [
    await check("node.js", async () => nodeVersion()),
    await check("settings", async () => {
      readSettings(options.env, options.host);
      return "all are valid";
    }),
    ...(isExternal ? externalEngine : await ownEngine(options.env)),
    await check("data folder", async () => dataFolder(options.home)),
    await check("port", async () => freePort(options)),
  ];
}

const externalEngine: readonly DoctorCheck[] = [
  { name: "engine", ok: true, detail: "others run it: no nats-server is needed here" },
  {
    name: "sync mode",
    ok: true,
    detail: "external engine: set sync_interval to always in its own configuration",
  },
  { name: "safe against power loss", ok: true, detail: "as the external engine is set" },
];

async function ownEngine(env: NodeJS.ProcessEnv): Promise<readonly DoctorCheck[]> {
  return [
    await check("engine", async () => {
      const { version, path, source, fitForProduction } = await findNatsServer(env);
      const advice = fitForProduction ? "" : "; for production use 2.14.3 or newer";
      return `nats-server ${version} at ${path} (${source})${advice}`;
    }),
    { name: "sync mode", ok: true, detail: "always: a confirmed write is on disk" },
    { name: "safe against power loss", ok: true, detail: "yes" },
  ];
}

async function check(name: string, look: () => Promise<string>): Promise<DoctorCheck> {
  try {
    return { name, ok: true, detail: await look() };
  } catch (thrown) {
    const error = toHoldfastError(thrown);
    return { name, ok: false, detail: error.message, remedy: errorCatalog[error.code].remedy };
  }
}

function nodeVersion(): string {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 24) throw new Error(`Node.js ${process.versions.node}; Holdfast needs 24 or newer`);
  return process.versions.node;
}

function dataFolder(home: string): string {
  makeFolder(home);
  const probe = join(home, ".doctor");
  writeFileSync(probe, "", { flush: true });
  rmSync(probe);
  const { bavail, bsize } = statfsSync(home);
  const free = bavail * bsize;
  const shown = `${(free / 1024 ** 3).toFixed(1)} GB free`;
  if (free < lowDiskBytes) throw new Error(`${home} has ${shown}; expected at least 1 GB`);
  return `${home} can be written, ${shown}`;
}

/** A taken port is no fault when it is our own node's: the node's own check tells more. */
function freePort({ host, port }: NodeOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE"
        ? resolve(`${host}:${port} is in use, by a node or by another program`)
        : reject(error),
    );
    server.listen(port, host, () => server.close(() => resolve(`${host}:${port} is free`)));
  });
}
