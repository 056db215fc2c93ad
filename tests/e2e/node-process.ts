import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The script that is `holdfast`. */
export const command = new URL("../../packages/cli/bin/holdfast.mjs", import.meta.url).pathname;

export interface NodeProcess {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  readonly engine: readonly {
    readonly role: string;
    readonly pid: number;
    readonly port: number;
  }[];
  /** Everything that the process wrote. */
  output(): string;
  /** Ends it in good order; resolves to its exit code. */
  stop(): Promise<number | null>;
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>;
  /** Resolves when it has ended by itself. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** A data folder and a port on which nodes are started one after the other. */
export class TestHome {
  readonly path: string;
  readonly #started: ChildProcess[] = [];
  #port = 0;

  constructor(path = mkdtempSync(join(tmpdir(), "holdfast-e2e-"))) {
    this.path = path;
  }

  /** Starts `holdfast up`, or `join`, and waits until it says that it runs. */
  async start(
    env: Record<string, string> = {},
    words: readonly string[] = [],
    verb: "up" | "join" = "up",
  ): Promise<NodeProcess> {
    this.#port ||= await freePort();
    const child = spawn(process.execPath, [command, verb, "--json", ...words], {
      env: {
        ...process.env,
        HOLDFAST_HOME: this.path,
        HOLDFAST_PORT: String(this.#port),
        HOLDFAST_LOG_LEVEL: "warn",
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#started.push(child);
    let output = "";
    const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
      child.once("exit", (code, signal) => resolve({ code, signal })),
    );
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        const found = output.split("\n").find((each) => each.startsWith('{"url"'));
        if (found?.endsWith("}")) resolve(found);
      });
      void ended.then(({ code }) => reject(new Error(`holdfast up ended (${code}): ${output}`)));
    });
    const { url, engine } = JSON.parse(line);
    const tokenFile = join(this.path, "admin-token");
    return {
      url,
      // Compute nodes have none.
      token: existsSync(tokenFile) ? readFileSync(tokenFile, "utf8").trim() : "",
      pid: child.pid ?? 0,
      engine: engine.processes,
      output: () => output,
      ended,
      async stop() {
        child.kill("SIGTERM");
        return (await ended).code;
      },
      async kill() {
        child.kill("SIGKILL");
        await ended;
      },
    };
  }

  /** The process that plays a part of the engine now; 0 between two of them. */
  enginePid(role: "data" | "witness"): number {
    try {
      return Number(readFileSync(join(this.path, "engine", `${role}.conf.pid`), "utf8"));
    } catch {
      return 0;
    }
  }

  /** Ends what still runs at once, as a power cut would. */
  async killAll(): Promise<void> {
    for (const child of this.#started) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    }
  }

  /** Ends what still runs and removes the folder. */
  async remove(): Promise<void> {
    for (const child of this.#started) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    }
    rmSync(this.path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** Whether a process runs; one that ended and was not waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/**
 * A port that is free now, below the ranges from which the system takes the ports of outgoing connections, and
 * engines and `holdfast dev` theirs: a node that is started again must find its own port free.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 6_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Runs another `holdfast` command to its end. */
export async function runHoldfast(
  args: readonly string[],
  env: Record<string, string> = {},
  input = "",
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [command, ...args], { env: { ...process.env, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}
