import { createInterface, type Interface } from "node:readline";
import type { Terminal } from "../output/terminal.ts";

export type Entered =
  | { readonly type: "line"; readonly text: string }
  | { readonly type: "interrupt" }
  | { readonly type: "end" };

/** Lines that a person types, with editing and earlier lines under the arrow keys. */
export class LineReader {
  readonly #reader: Interface;
  readonly #input: NodeJS.ReadableStream & { setRawMode?: (raw: boolean) => unknown };
  readonly #entered: Entered[] = [];
  #waiting: ((entered: Entered) => void) | undefined;
  #closed = false;

  constructor(terminal: Terminal, prompt: string, earlier: readonly string[]) {
    this.#input = terminal.stdin;
    this.#reader = createInterface({
      input: terminal.stdin,
      output: terminal.stdout,
      terminal: terminal.stdin.isTTY === true,
      history: earlier.toReversed(),
      historySize: 500,
      removeHistoryDuplicates: true,
      prompt,
    });
    this.#reader.on("line", (text) => this.#give({ type: "line", text }));
    this.#reader.on("SIGINT", () => this.#give({ type: "interrupt" }));
    this.#reader.on("close", () => {
      this.#closed = true;
      this.#give({ type: "end" });
    });
  }

  /** The next line, or what else the person does at the prompt. */
  async next(): Promise<Entered> {
    const waiting = this.#entered.shift();
    if (waiting) return waiting;
    if (this.#closed) return { type: "end" };
    this.#input.setRawMode?.(true);
    this.#reader.resume();
    this.#reader.prompt(true);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** Leaves the terminal to the answer: what is typed meanwhile waits, and Ctrl-C is a signal again. */
  rest(): void {
    if (this.#closed) return;
    this.#reader.pause();
    this.#input.setRawMode?.(false);
  }

  /** Empties the line that is being typed. Gives false when there was nothing in it. */
  clearLine(): boolean {
    const had = this.#reader.line !== "";
    if (had) this.#reader.write(null, { ctrl: true, name: "e" });
    if (had) this.#reader.write(null, { ctrl: true, name: "u" });
    return had;
  }

  close(): void {
    this.#reader.close();
  }

  #give(entered: Entered): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting(entered);
    else if (this.#entered.length < 1_000) this.#entered.push(entered);
  }
}
