import { styleText } from "node:util";
import type { Input } from "../files/read-sources.ts";

/** Where a command reads and writes. Results go to `out`, everything else to `note`. */
export interface Terminal {
  readonly stdin: Input & NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly env: NodeJS.ProcessEnv;
}

export type Stream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  /** Size of a terminal, in characters. */
  readonly columns?: number;
  readonly rows?: number;
};
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

export function printLine(stream: Stream, text = ""): void {
  stream.write(`${text}\n`);
}

export function printJson(stream: Stream, value: unknown): void {
  printLine(stream, JSON.stringify(value, null, 2));
}

/** The text in a style, where the stream is a terminal and NO_COLOR does not forbid it. */
export function styled(stream: Stream, style: Style, text: string): string {
  return stream.isTTY ? styleText(style, text, { stream }) : text;
}

/** True when a person sits at both ends and can be asked. */
export function isInteractive(terminal: Terminal): boolean {
  return terminal.stdin.isTTY === true && terminal.stdout.isTTY === true;
}
