import { createInterface } from "node:readline/promises";
import { HoldfastError } from "@holdfast/core";
import { isInteractive, type Terminal } from "./terminal.ts";

/** Asks a yes-or-no question; anything but y or yes is a no. Errors: `usage` when there is nobody to answer. */
export async function confirmed(terminal: Terminal, question: string): Promise<boolean> {
  const isPerson = isInteractive(terminal);
  // What a program reads stays free of questions.
  const output = isPerson ? terminal.stdout : terminal.stderr;
  const reader = createInterface({ input: terminal.stdin, output });
  const interrupted = new AbortController();
  reader.once("SIGINT", () => interrupted.abort(new Interrupted()));
  reader.once("close", () => interrupted.abort(new Interrupted()));
  try {
    const answer = await reader.question(`${question} [y/N] `, { signal: interrupted.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (thrown) {
    if (!interrupted.signal.aborted) throw thrown;
    if (isPerson) throw new Interrupted();
    throw new HoldfastError("usage", "Nobody answers here: say --yes if that is wanted.");
  } finally {
    reader.close();
  }
}

/** Ctrl-C: the command ends with exit code 130 and says nothing more. */
class Interrupted extends Error {
  override readonly name = "Interrupted";
}
