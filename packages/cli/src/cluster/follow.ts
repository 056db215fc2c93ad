import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError, toHoldfastError } from "@holdfast/core";
import { commandLimits } from "../limits.ts";
import { oneLine } from "../output/printable.ts";
import { printLine, type Terminal } from "../output/terminal.ts";

export interface FollowOptions {
  readonly terminal: Terminal;
  /** Milliseconds. */
  readonly timeoutMs: number;
}

export interface Look<Value> {
  /** What there is to say of it now; told again only when it changed. */
  readonly text: string;
  /** Set when there is nothing more to wait for. */
  readonly done?: Value;
}

/**
 * Looks at a change under way until it is done, and tells its steps on the standard error. Undefined when
 * the time is over. Nodes may be away for a while; errors that no waiting mends are thrown.
 */
export async function follow<Value>(
  { terminal, timeoutMs }: FollowOptions,
  look: () => Promise<Look<Value>>,
): Promise<Value | undefined> {
  const deadline = performance.now() + timeoutMs;
  let told = "";
  let awaySince: number | undefined;
  const tell = (text: string) => {
    if (text !== told) printLine(terminal.stderr, oneLine(text));
    told = text;
  };
  for (;;) {
    try {
      const { text, done } = await look();
      awaySince = undefined;
      tell(text);
      if (done !== undefined) return done;
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      awaySince ??= performance.now();
      const isPatient = performance.now() - awaySince < commandLimits.followAwayMs;
      if (error.retry !== "safe" || !isPatient) throw error;
      tell(`waiting: ${error.message}`);
    }
    if (performance.now() >= deadline) return undefined;
    await pause(commandLimits.followMs);
  }
}

/** Milliseconds of `--timeout SECONDS`. Errors: `usage`. */
export function timeoutOf(text: string | undefined): number {
  if (text === undefined) return commandLimits.followMaxMs;
  const seconds = Number(text);
  if (seconds > 0 && seconds <= 86_400) return seconds * 1_000;
  throw new HoldfastError("usage", `--timeout ${text}: expected seconds, above 0 up to 86400.`);
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

export function counted(count: number, thing: string): string {
  return count === 1 ? `one ${thing}` : `${count} ${thing}s`;
}
