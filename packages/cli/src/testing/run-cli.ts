import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../bin/holdfast.mjs", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves when the output so far holds the text. */
  printed(text: string): Promise<void>;
}

/** Starts the real command as a child process, with no more of the environment than it needs. */
export function startCli(
  words: readonly string[],
  env: Record<string, string> = {},
  script = bin,
): Running {
  const child = spawn(process.execPath, [script, ...words], {
    env: { PATH: process.env.PATH, HOME: "/nonexistent", ...env },
    stdio: "pipe",
  });
  let stdout = "";
  let stderr = "";
  const waiters = new Set<() => void>();
  const take = (add: (piece: string) => void) => (piece: Buffer) => {
    add(piece.toString("utf8"));
    for (const check of waiters) check();
  };
  child.stdout.on(
    "data",
    take((piece) => (stdout += piece)),
  );
  child.stderr.on(
    "data",
    take((piece) => (stderr += piece)),
  );
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const check = () => {
        if (!stdout.includes(text) && !stderr.includes(text)) return;
        waiters.delete(check);
        resolve();
      };
      waiters.add(check);
      check();
      void finished.then(() => reject(new Error(`ended without ${text}: ${stdout}${stderr}`)));
    });
  return { child, finished, printed };
}

/** Runs the real command to its end. */
export async function runCli(
  words: readonly string[],
  env: Record<string, string> = {},
  input = "",
): Promise<Finished> {
  const { child, finished } = startCli(words, env);
  child.stdin?.end(input);
  return finished;
}
