import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const exec = promisify(execFile);
const openClawVersion = "2026.9.6";
/** Gives a program a terminal. */
export const scriptCommand = "/usr/bin/script";
const installTimeoutMs = 600_000;
const commandTimeoutMs = 120_000;

/** The package as npm has it, in a folder beside the repository that later runs use again. */
export async function openClawPackage(): Promise<string> {
  const cache = join(tmpdir(), `holdfast-openclaw-${openClawVersion}`);
  const command = join(cache, "node_modules/openclaw/openclaw.mjs");
  if (existsSync(command)) return command;
  const folder = await mkdtemp(`${cache}-`);
  const words = ["install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"];
  const options = { cwd: folder, timeout: installTimeoutMs, maxBuffer: 64 * 1024 * 1024 };
  await exec("npm", [...words, `openclaw@${openClawVersion}`], options);
  // A run beside this one may have been faster.
  await rename(folder, cache).catch(() => rm(folder, { recursive: true, force: true }));
  return command;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Who calls a gateway: a folder of its own for what the client remembers. */
export class OpenClaw {
  readonly #command: string;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(command: string, folder: string, env: NodeJS.ProcessEnv) {
    this.#command = command;
    this.#folder = folder;
    this.#env = env;
  }

  static async at(
    folder: string,
    gateway: { readonly url: string; readonly token: string; readonly ca: string },
  ): Promise<OpenClaw> {
    const command = await openClawPackage();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const config = join(folder, "openclaw.json");
    const settings = { gateway: { mode: "remote", remote: { url: gateway.url } } };
    await writeFile(config, JSON.stringify(settings), { mode: 0o600 });
    return new OpenClaw(command, folder, {
      PATH: process.env.PATH,
      HOME: folder,
      TERM: "xterm",
      NO_COLOR: "1",
      OPENCLAW_STATE_DIR: folder,
      OPENCLAW_CONFIG_PATH: config,
      OPENCLAW_GATEWAY_TOKEN: gateway.token,
      NODE_EXTRA_CA_CERTS: gateway.ca,
    });
  }

  /** Runs a command to its end. */
  run(...words: readonly string[]): Promise<Ran> {
    return this.#spawn(process.execPath, [this.#command, ...words]);
  }

  /** The answer of one method; its client throws away everything but the last. */
  async call(method: string, params: object, ...words: readonly string[]): Promise<any> {
    const given = ["--json", "--timeout", "60000", "--params", JSON.stringify(params), ...words];
    const { code, stdout, stderr } = await this.run("gateway", "call", method, ...given);
    if (code !== 0) throw new Error(`${method}: ${stderr}${stdout}`);
    return JSON.parse(stdout.slice(stdout.indexOf("\n{") + 1));
  }

  /** A terminal with the text client in it, which is left once `until` was seen. */
  async tui(words: readonly string[], until: string): Promise<string> {
    const shell = [process.execPath, this.#command, "tui", ...words].map(quoted).join(" ");
    const child = spawn(scriptCommand, ["-qfc", `stty rows 40 cols 120; ${shell}`, "/dev/null"], {
      cwd: this.#folder,
      env: this.#env,
    });
    let screen = "";
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const timer = setTimeout(() => child.kill("SIGKILL"), commandTimeoutMs);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const had = screen.includes(until);
      screen += text;
      // Ctrl-C clears the line, and leaves when it comes again.
      if (!had && screen.includes(until)) {
        child.stdin.write("\u0003");
        setTimeout(() => child.stdin.write("\u0003"), 500);
      }
    });
    await ended;
    clearTimeout(timer);
    return screen;
  }

  #spawn(file: string, words: readonly string[]): Promise<Ran> {
    const child = spawn(file, words, { cwd: this.#folder, env: this.#env });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), commandTimeoutMs);
    return new Promise((resolve) =>
      child.once("close", (code) => {
        clearTimeout(timer);
        resolve({ code, stdout, stderr });
      }),
    );
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
