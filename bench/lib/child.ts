import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const stopTimeoutMs = 20_000;
const lastWordsChars = 4_000;

export interface ChildOptions {
  /** The process's source, e.g. `new URL("./load-process.ts", import.meta.url)`. */
  readonly entry: URL;
  readonly env?: NodeJS.ProcessEnv;
  /** Flags for Node itself, e.g. `--cpu-prof`. */
  readonly nodeFlags?: readonly string[];
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/**
 * A Node process of a bench that answers questions over the IPC channel, see `answerParent`. Questions are
 * answered in any order. Errors: those of the answers, and "ended" with the last words of its stderr.
 */
export class BenchChild {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #next = 0;
  #lastWords = "";
  #ended: Error | undefined;

  constructor({ entry, env = {}, nodeFlags = [] }: ChildOptions) {
    const file = fileURLToPath(entry);
    this.#child = spawn(
      process.execPath,
      [...nodeFlags, "--disable-warning=ExperimentalWarning", file],
      {
        env: { ...process.env, ...env },
        stdio: ["ignore", "inherit", "pipe", "ipc"],
        serialization: "advanced",
      },
    );
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-lastWordsChars);
    });
    this.#child.on("message", (message) => this.#onAnswer(message as Answer));
    this.#child.once("error", (error) => this.#onEnd(error));
    this.#child.once("exit", (code, signal) =>
      this.#onEnd(new Error(`${file} ended (${signal ?? code}): ${this.#lastWords.trim()}`)),
    );
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ask<Value>(question: string, input?: unknown): Promise<Value> {
    if (this.#ended) throw this.#ended;
    const answer = Promise.withResolvers<unknown>();
    const id = this.#next++;
    this.#waiting.set(id, answer);
    this.#child.send({ id, question, input });
    return (await answer.promise) as Value;
  }

  /** Lets the process end in good order; after a while it is killed. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    const exited = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), stopTimeoutMs);
    if (this.#child.connected) this.#child.disconnect();
    await exited;
    clearTimeout(timer);
  }

  /** Ends the process like a crash. */
  async kill(): Promise<void> {
    if (this.#ended) return;
    const exited = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.kill("SIGKILL");
    await exited;
  }

  #onAnswer({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }

  #onEnd(error: Error): void {
    this.#ended = error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

/** Kills a child that is no Node process of ours when this process ends, however early. */
export function endWithParent(child: ChildProcess): void {
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
}

/** A bench that is interrupted still ends its children. */
export function exitOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => process.exit(1));
  }
}

type Handler = (input: never) => unknown;

/**
 * The child's side: answers the parent's questions by name, and runs `close` and ends when the parent is
 * done or gone.
 */
export function answerParent(handlers: Record<string, Handler>, close: () => Promise<void>): void {
  process.on("message", (message) => {
    const { id, question, input } = message as { id: number; question: string; input: never };
    const answer = async (): Promise<Answer> => {
      try {
        const handler = handlers[question];
        if (!handler) throw new Error(`no question ${question}`);
        return { id, value: await handler(input) };
      } catch (thrown) {
        return {
          id,
          error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
        };
      }
    };
    void answer().then((made) => process.connected && process.send?.(made));
  });
  process.once("disconnect", () => {
    void close().then(
      () => process.exit(0),
      (thrown: unknown) => {
        console.error(thrown);
        process.exit(1);
      },
    );
  });
  // Ctrl-C reaches the whole group: the parent decides when its children end.
  process.on("SIGINT", () => {});
}
