import { errorJson, reportError } from "./output/report-error.ts";
import { runCommand } from "./program.ts";

// A reader that has seen enough (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});
// Nobody reads it any more; what is being stopped is stopped all the same.
process.stderr.on("error", () => {});
process.on("SIGINT", () => process.exit(130));

const code = await runCommand(process.argv.slice(2), {
  terminal: {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
  },
  report: (error, json) => {
    if (json) process.stderr.write(`${JSON.stringify(errorJson(error), null, 2)}\n`);
    else reportError(process.stderr, error);
    // A fault of the command itself: where it came from, for those who look for it.
    if (process.env.HOLDFAST_DEBUG && error.cause instanceof Error) {
      process.stderr.write(`${error.cause.stack ?? error.cause.message}\n`);
    }
  },
});
// Sockets kept for reuse and a paused standard input must not hold the command back.
process.stdout.write("", () => process.exit(code));
