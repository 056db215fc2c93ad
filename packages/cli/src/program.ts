import { HoldfastError, toHoldfastError } from "@holdfast/core";
import { Command, CommanderError } from "commander";
import { createContext, type GlobalOptions } from "./context.ts";
import { addChannelCommands } from "./program/channel-commands.ts";
import { addClusterCommands } from "./program/cluster-commands.ts";
import { addConversationCommands } from "./program/conversation-commands.ts";
import { addNodeCommands } from "./program/node-commands.ts";
import { addOperationCommands } from "./program/operation-commands.ts";
import { addOperatorCommands } from "./program/operator-commands.ts";
import { addResourceCommands } from "./program/resource-commands.ts";
import type { Run } from "./program/run.ts";
import type { Terminal } from "./output/terminal.ts";
import { version } from "./version.ts";

export interface Surroundings {
  readonly terminal: Terminal;
  readonly report: (error: HoldfastError, json: boolean) => void;
}

/**
 * Runs one command and gives its exit code: 0 done, 1 failed, 2 used wrongly, 130 interrupted. Each
 * command's code is loaded when it is called, so that a short one starts fast.
 */
export async function runCommand(
  words: readonly string[],
  { terminal, report }: Surroundings,
): Promise<number> {
  let code = 0;
  const program = new Command("holdfast");
  const run: Run = async (action) => {
    code = await action(createContext(terminal, program.opts<GlobalOptions>()));
  };
  describe(program, terminal);
  addNodeCommands(program, run);
  addClusterCommands(program, run);
  addConversationCommands(program, run);
  addResourceCommands(program, run);
  addChannelCommands(program, run);
  addOperationCommands(program, run);
  addOperatorCommands(program, run);
  try {
    await program.parseAsync([...words], { from: "user" });
    return code;
  } catch (thrown) {
    const json = words.includes("--json");
    if (thrown instanceof CommanderError) return usageCode(thrown, json, report);
    if (thrown instanceof Error && thrown.name === "Interrupted") return 130;
    const error = toHoldfastError(thrown);
    report(error, json);
    return error.code === "usage" ? 2 : 1;
  }
}

function describe(program: Command, terminal: Terminal): void {
  program
    .description("The multi-node runtime for OpenClaw agents.")
    .version(version)
    .option(
      "--url <url>",
      "address of the node (default: HOLDFAST_URL, or HOLDFAST_HOST and _PORT)",
    )
    .option("--token <token>", "token; better in HOLDFAST_TOKEN, where no process list shows it")
    .option("--ca <file>", "PEM file of the authority that signed the node's certificate")
    .option("--json", "output for programs")
    .helpCommand(true)
    .showHelpAfterError(false)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      // Printed by runCommand, in the shape of every other error.
      outputError: () => undefined,
    })
    .addHelpText("after", environmentHelp);
}

function usageCode(thrown: CommanderError, json: boolean, report: Surroundings["report"]): number {
  // Help that was asked for is no error; help because no command was given is.
  if (thrown.exitCode === 0) return 0;
  if (thrown.code !== "commander.help") {
    const message = thrown.message.replace(/^error: /, "").replace(/\s+/g, " ");
    report(new HoldfastError("usage", message), json);
  }
  return 2;
}

const environmentHelp = `
Environment:
  HOLDFAST_HOME   data folder (default ~/.holdfast)
  HOLDFAST_HOST   host of the node (default 127.0.0.1)
  HOLDFAST_PORT   port of the node (default 7400)
  HOLDFAST_URL    address of a node elsewhere
  HOLDFAST_TOKEN  token (default: the file admin-token in HOLDFAST_HOME)
  HOLDFAST_CA     as --ca (default: the file ca.pem in HOLDFAST_HOME, for a node on this machine)
  HOLDFAST_JOIN   token of \`holdfast up\`, as --join

Exit codes: 0 done, 1 failed, 2 used wrongly, 130 interrupted.`;
