import { PassThrough, Writable } from "node:stream";
import { reportError } from "../output/report-error.ts";
import { runCommand } from "../program.ts";
import type { Finished } from "./run-cli.ts";

/** Runs a command in this process, in a pipe: faster than a child, without its signals. */
export async function runHere(
  words: readonly string[],
  env: Record<string, string>,
): Promise<Finished> {
  const [stdout, stderr] = [collector(), collector()];
  const terminal = {
    stdin: new PassThrough(),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env,
  };
  const code = await runCommand(words, {
    terminal,
    report: (error) => reportError(stderr.stream, error),
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function collector() {
  let text = "";
  const stream = new Writable({
    write(piece, _encoding, done) {
      text += String(piece);
      done();
    },
  });
  return { stream, text: () => text };
}
