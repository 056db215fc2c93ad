import type { Command } from "commander";
import { printJson, printLine } from "../output/terminal.ts";
import type { Run } from "./run.ts";
import { version } from "../version.ts";

/** up, doctor, version. */
export function addNodeCommands(program: Command, run: Run): void {
  program
    .command("up")
    .description("start a node here and run it until Ctrl-C")
    .action(() => run(async (context) => (await import("../commands/up.ts")).runUp(context)));

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
