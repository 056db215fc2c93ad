import { createInterface } from "node:readline/promises";
import type { Terminal } from "./terminal.ts";

/** Asks a yes-or-no question; anything but y or yes is a no. */
export async function confirmed(terminal: Terminal, question: string): Promise<boolean> {
  const reader = createInterface({ input: terminal.stdin, output: terminal.stdout });
  const interrupted = new AbortController();
  reader.once("SIGINT", () => interrupted.abort(new Interrupted()));
  reader.once("close", () => interrupted.abort(new Interrupted()));
  try {
    const answer = await reader.question(`${question} [y/N] `, { signal: interrupted.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (thrown) {
    throw interrupted.signal.aborted ? new Interrupted() : thrown;
  } finally {
    reader.close();
  }
}

/** Ctrl-C: the command ends with exit code 130 and says nothing more. */
class Interrupted extends Error {
  override readonly name = "Interrupted";
}
