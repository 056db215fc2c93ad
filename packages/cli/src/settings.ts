import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { HoldfastError } from "@holdfast/core";

/** The data folder: HOLDFAST_HOME, or ~/.holdfast. */
export function homeFolder(env: NodeJS.ProcessEnv): string {
  return path.resolve(env.HOLDFAST_HOME || path.join(homedir(), ".holdfast"));
}

/** The port that a node listens at; NaN for what is no port, which the node names with all that is wrong. */
export function listenPortOf(env: NodeJS.ProcessEnv): number {
  const text = env.HOLDFAST_PORT || "7400";
  const port = Number(text);
  return /^\d+$/.test(text) && port <= 65_535 ? port : Number.NaN;
}

/** The port of the node that a command talks to. Errors: `usage`. */
function portOf(env: NodeJS.ProcessEnv): number {
  const port = listenPortOf(env);
  if (!Number.isNaN(port)) return port;
  throw new HoldfastError(
    "usage",
    `HOLDFAST_PORT is ${JSON.stringify(env.HOLDFAST_PORT)}: expected 0 to 65535.`,
  );
}

/** The host that HOLDFAST_HOST names, or 127.0.0.1. */
export function hostOf(env: NodeJS.ProcessEnv): string {
  return env.HOLDFAST_HOST || "127.0.0.1";
}

/**
 * The node's address: `--url`, HOLDFAST_URL, or what HOLDFAST_HOST and HOLDFAST_PORT make. Errors: `usage`.
 */
export function nodeUrl(option: string | undefined, env: NodeJS.ProcessEnv): string {
  const given = option ?? env.HOLDFAST_URL;
  if (!given) {
    const scheme = env.HOLDFAST_TLS === "on" ? "https" : "http";
    return `${scheme}://${reachable(hostOf(env))}:${portOf(env)}`;
  }
  const url = URL.parse(given);
  if (!url || !["http:", "https:"].includes(url.protocol) || url.username || url.password) {
    const expected = "expected http://HOST:PORT or https://HOST:PORT without credentials";
    throw new HoldfastError("usage", `${JSON.stringify(hideCredentials(given))}: ${expected}.`);
  }
  return given.replace(/\/+$/, "");
}

/**
 * The token: `--token`, HOLDFAST_TOKEN, or the admin token of the node on this machine. That file's
 * token is never sent to another machine. Errors: `unauthenticated`, `file_unreadable`.
 */
export async function tokenFor(
  url: string,
  option: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const given = option ?? env.HOLDFAST_TOKEN;
  if (given) return checkedToken(given.trim());
  const file = path.join(homeFolder(env), "admin-token");
  const hint = `Set HOLDFAST_TOKEN, or HOLDFAST_HOME to the folder of a node on this machine`;
  if (!isLoopback(new URL(url).hostname)) {
    const message = `No token is given for ${url}; the one in ${file} stays on this machine. ${hint}.`;
    throw new HoldfastError("unauthenticated", message);
  }
  try {
    return checkedToken((await readFile(file, "utf8")).trim());
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
      throw new HoldfastError(
        "unauthenticated",
        `There is no token: ${file} does not exist. ${hint}.`,
      );
    }
    throw new HoldfastError("file_unreadable", `${file} cannot be read.`, { cause });
  }
}

/**
 * The PEM file of the authority to trust: `--ca`, HOLDFAST_CA, or that of the node on this machine.
 * Undefined where the machine's own authorities are meant.
 */
export function authorityFile(
  url: string,
  option: string | undefined,
  env: NodeJS.ProcessEnv,
): string | undefined {
  const given = option ?? env.HOLDFAST_CA;
  if (given) return given;
  const { protocol, hostname } = new URL(url);
  const file = path.join(homeFolder(env), "ca.pem");
  return protocol === "https:" && isLoopback(hostname) && existsSync(file) ? file : undefined;
}

/** True where a token would cross a network in the clear. */
export function isInTheClear(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !isLoopback(hostname);
}

function checkedToken(token: string): string {
  if (/^[\x21-\x7E]{1,1024}$/.test(token)) return token;
  throw new HoldfastError("unauthenticated", "The token holds characters that no token has.");
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** An address to listen at everywhere is reached at loopback. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

function hideCredentials(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//…@");
}
