import { PassThrough, Writable } from "node:stream";
import { reportError } from "../output/report-error.ts";
import { runCommand } from "../program.ts";
import type { Finished } from "./run-cli.ts";

/**
 * Runs a command in this process, in a pipe that ends after `input`: faster than a child, without its signals.
 */
export async function runHere(
  words: readonly string[],
  env: Record<string, string>,
  input = "",
): Promise<Finished> {
  const stdin = new PassThrough();
  stdin.end(input);
  const [stdout, stderr] = [collector(), collector()];
  const terminal = {
    stdin,
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
