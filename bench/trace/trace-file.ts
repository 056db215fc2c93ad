import { readFileSync } from "node:fs";

/** One request of a trace. */
export interface Arrival {
  /** Milliseconds after the trace's first request. */
  readonly atMs: number;
  readonly contextTokens: number;
  readonly generatedTokens: number;
}

const header = "TIMESTAMP,ContextTokens,GeneratedTokens";

/**
 * Reads the format of the Azure LLM inference traces: a header, then `2023-11-16 18:15:46.6805900,374,44`,
 * in order of time. Errors: names the line that is wrong.
 */
export function parseTrace(text: string): Arrival[] {
  const [head, ...lines] = text.trimEnd().split(/\r?\n/);
  if (head?.trim() !== header) throw new Error(`line 1: expected ${header}`);
  let first: number | undefined;
  let last = 0;
  return lines.map((line, index) => {
    const where = `line ${index + 2}`;
    const [stamp = "", context = "", generated = "", ...rest] = line.split(",");
    const time = parseTime(stamp);
    const contextTokens = Number(context);
    const generatedTokens = Number(generated);
    const isWhole = [contextTokens, generatedTokens].every((n) => Number.isInteger(n) && n >= 0);
    if (Number.isNaN(time) || !isWhole || context === "" || generated === "" || rest.length > 0) {
      throw new Error(`${where}: expected a time and two numbers, found ${line.slice(0, 80)}`);
    }
    first ??= time;
    const atMs = time - first;
    if (atMs < last) throw new Error(`${where}: the time goes back`);
    last = atMs;
    return { atMs, contextTokens, generatedTokens };
  });
}

export function readTrace(file: string): Arrival[] {
  return parseTrace(readFileSync(file, "utf8"));
}

/** Milliseconds with their fraction; NaN when it is no time. */
function parseTime(stamp: string): number {
  const found = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?$/.exec(stamp);
  if (!found) return Number.NaN;
  return Date.parse(`${found[1]}T${found[2]}Z`) + Number(found[3] ?? 0) * 1_000;
}
