import type { Command } from "commander";
import type { ScopeOptions } from "../commands/dead-letters.ts";
import type { Run } from "./run.ts";

const orgHelp = "of this organization (default: of the whole node, with the admin token)";

/** dead-letters, tokens. */
export function addOperatorCommands(program: Command, run: Run): void {
  addDeadLetterCommands(program, run);
  addTokenCommands(program, run);
}

function addDeadLetterCommands(program: Command, run: Run): void {
  const letters = program
    .command("dead-letters")
    .description("messages that failed for good: inspect, replay, discard");
  letters
    .command("list")
    .option("--org <organization>", orgHelp)
    .action((options: ScopeOptions) =>
      run(async (context) => {
        const { runGet } = await import("../commands/get.ts");
        return runGet(context, "dead-letters", undefined, options);
      }),
    );
  letters
    .command("show")
    .argument("<id>")
    .option("--org <organization>", orgHelp)
    .action((id: string, options: ScopeOptions) =>
      run(async (context) => {
        const { runShow } = await import("../commands/dead-letters.ts");
        return runShow(context, id, options);
      }),
    );
  letters
    .command("replay")
    .description("send the messages anew")
    .argument("<id...>")
    .option("--org <organization>", orgHelp)
    .action((ids: string[], options: ScopeOptions) =>
      run(async (context) => {
        const { runReplay } = await import("../commands/dead-letters.ts");
        return runReplay(context, ids, options);
      }),
    );
  letters
    .command("discard")
    .description("forget the messages")
    .argument("<id...>")
    .option("--org <organization>", orgHelp)
    .action((ids: string[], options: ScopeOptions) =>
      run(async (context) => {
        const { runDiscard } = await import("../commands/dead-letters.ts");
        return runDiscard(context, ids, options);
      }),
    );
}

function addTokenCommands(program: Command, run: Run): void {
  const tokens = program.command("tokens").description("tokens of people and programs");
  tokens
    .command("create")
    .description("make a token; its secret is printed this once")
    .argument("<name>")
    .option("--org <organization>", orgHelp)
    .action((name: string, options: ScopeOptions) =>
      run(async (context) => {
        const { runCreateToken } = await import("../commands/tokens.ts");
        return runCreateToken(context, name, options);
      }),
    );
  tokens
    .command("list")
    .option("--org <organization>", orgHelp)
    .action((options: ScopeOptions) =>
      run(async (context) => {
        const { runGet } = await import("../commands/get.ts");
        return runGet(context, "tokens", undefined, options);
      }),
    );
  tokens
    .command("revoke")
    .argument("<id>")
    .option("--org <organization>", orgHelp)
    .option("-y, --yes", "do not ask")
    .action((id: string, options: ScopeOptions & { yes?: boolean }) =>
      run(async (context) => {
        const { runRevokeToken } = await import("../commands/tokens.ts");
        return runRevokeToken(context, id, options);
      }),
    );
}
