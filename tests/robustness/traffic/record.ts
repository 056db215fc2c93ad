import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

/**
 * What the traffic's clients did and were told, written down by themselves: one JSON object a line. Times
 * (`at`) are milliseconds of the system's monotonic clock, which all processes of a machine share.
 */
export type TrafficEvent = Sent | Acknowledged | Answered | Refused | Unknown | GivenUp;

interface OfOperation {
  readonly at: number;
  /** The conversation, unique over all agents; its agent stands in `Sent`. */
  readonly c: string;
  /** The operation's number in its conversation, from 1. */
  readonly n: number;
}

/** The first try of an operation; the ones behind it carry the same key. */
export interface Sent extends OfOperation {
  readonly t: "sent";
  readonly agent: string;
  readonly tool: Tool;
  /** Whether the client waits for the answer, not only for the acknowledgement. */
  readonly waits: boolean;
}

export interface Acknowledged extends OfOperation {
  readonly t: "ack";
  readonly node: string;
  readonly id: string;
  readonly duplicate: boolean;
  /** When the try that was acknowledged began. */
  readonly from: number;
}

export interface Answered extends OfOperation {
  readonly t: "answer";
  readonly node: string;
  readonly text: string;
}

/** A definite no: the try took no effect. */
export interface Refused extends OfOperation {
  readonly t: "refused";
  readonly node: string;
  readonly status: number;
  readonly code: string;
  /** Milliseconds that the refusal took. */
  readonly ms: number;
}

/** The try may have taken effect. */
export interface Unknown extends OfOperation {
  readonly t: "unknown";
  readonly node: string;
  readonly why: string;
  readonly ms: number;
}

/** No try was acknowledged before the operation's deadline. */
export interface GivenUp extends OfOperation {
  readonly t: "gave-up";
}

/** `pay` may not be repeated; `safe` may, with the same key. */
export type Tool = "none" | "pay" | "safe";

/** What the tool server did: its own books. */
export interface ToolEffect {
  readonly t: "effect";
  readonly at: number;
  readonly tool: Tool;
  readonly mark: string;
  readonly key: string;
}

/** Milliseconds of the clock that all processes of this machine share and nobody can set. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/** Appends lines at once: a record must survive the death of its writer. */
export class RecordWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(line: object): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Errors: a line that is no JSON, unless it is the last, which a kill may have cut. */
export function readRecord<Line>(path: string): Line[] {
  const lines = readFileSync(path, "utf8").split("\n");
  const isCut = lines.pop() !== "";
  return lines.slice(0, isCut ? undefined : lines.length).map((line) => JSON.parse(line) as Line);
}

/** How a text names its operation, and an answer what it answers. */
export function markOf(c: string, n: number): string {
  return `${c}.${n}`;
}

/** The marks in a text, in order. */
export function marksIn(text: string): string[] {
  return [...text.matchAll(/#([\w-]+\.\d+)/g)].map(([, mark = ""]) => mark);
}
