import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const command = new URL("../../packages/cli/bin/holdfast.mjs", import.meta.url).pathname;

const patienceMs = 60_000;

/** `dev.json`, as programs read it. */
export interface DevFile {
  readonly nodes: readonly {
    readonly name: string;
    readonly pid: number;
    readonly url: string;
    readonly roles: readonly string[];
    readonly natsPid: number | null;
  }[];
  readonly token: string;
  readonly ca: string;
}

/** `holdfast dev`, as a process. */
export class DevProcess {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #output = "";
  readonly #onOutput = new Set<() => void>();

  constructor(folder: string, words: readonly string[], env: Record<string, string> = {}) {
    this.#folder = folder;
    this.#child = spawn(process.execPath, [command, "dev", "--dir", folder, ...words], {
      env: { ...process.env, ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        for (const check of this.#onOutput) check();
      });
    }
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
  }

  /** Resolves when every node processes messages. */
  async ready(): Promise<DevFile> {
    await this.said("Ctrl-C\n");
    return JSON.parse(readFileSync(join(this.#folder, "dev.json"), "utf8"));
  }

  said(text: string | RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`dev did not say ${String(text)}: ${this.#output}`));
      }, patienceMs);
      const check = () => {
        if (!new RegExp(text).test(this.#output)) return;
        clearTimeout(timer);
        this.#onOutput.delete(check);
        resolve();
      };
      this.#onOutput.add(check);
      check();
      void this.#ended.then(() => reject(new Error(`dev ended: ${this.#output}`)));
    });
  }

  /** Nobody reads what it reports from here on, as when the program that started it has died. */
  closeErrors(): void {
    this.#child.stderr?.destroy();
  }

  async stop(): Promise<{ code: number | null; output: string }> {
    this.#child.kill("SIGTERM");
    return { code: await this.#ended, output: this.#output };
  }
}
