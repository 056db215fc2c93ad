import { HoldfastError } from "@holdfast/core";
import type { Command } from "commander";
import type { UpOptions } from "../commands/up.ts";
import { printJson, printLine } from "../output/terminal.ts";
import type { Run } from "./run.ts";
import { version } from "../version.ts";

/** up, join, doctor, version. */
export function addNodeCommands(program: Command, run: Run): void {
  const up = program
    .command("up")
    .description("start a node here and run it until Ctrl-C")
    .option(
      "--join <token>",
      "join the cluster that made this token; better in HOLDFAST_JOIN, where no process list shows it",
    );
  addJoinOptions(up)
    .option(
      "--engine <urls>",
      "a NATS cluster that somebody else runs, as tls://HOST:PORT,... (default: HOLDFAST_ENGINE, or one of its own)",
    )
    .option(
      "--engine-creds <file>",
      "its .creds file, or a file with user and password in two lines (default: HOLDFAST_ENGINE_CREDENTIALS)",
    )
    .action((options: UpOptions) =>
      run(async (context) => (await import("../commands/up.ts")).runUp(context, options)),
    );

  const join = program
    .command("join")
    .argument("[token]", "token of the cluster; better in HOLDFAST_JOIN, as of `up --join`")
    .description("let this machine into a cluster and run its node until Ctrl-C, as `up --join`");
  addJoinOptions(join).action((token: string | undefined, options: UpOptions) =>
    run(async (context) => {
      if (!token && !context.terminal.env.HOLDFAST_JOIN) {
        const problem =
          "join needs a token: `holdfast token create` on a node of the cluster makes one.";
        throw new HoldfastError("usage", problem);
      }
      const { runUp } = await import("../commands/up.ts");
      return runUp(context, { ...options, ...(token && { join: token }) });
    }),
  );

  program
    .command("doctor")
    .description("check this machine and the node on it")
    .action(() =>
      run(async (context) => (await import("../commands/doctor.ts")).runDoctorCommand(context)),
    );

  program
    .command("version")
    .description("print the version")
    .action(() =>
      run(async ({ json, terminal }) => {
        if (json) printJson(terminal.stdout, { version, node: process.version });
        else printLine(terminal.stdout, version);
        return 0;
      }),
    );
}

function addJoinOptions(command: Command): Command {
  return command
    .option(
      "--discover <how>",
      "where to look for the cluster: mdns, dns:NAME or HOST[:PORT] (default: where the token says, then mdns)",
    )
    .option(
      "--role <role>",
      "join as store or compute (default: store while there are fewer than 3)",
    )
    .option(
      "--name <name>",
      "the node's name, when it is new (default: HOLDFAST_NODE, or made up)",
    );
}
