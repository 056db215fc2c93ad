import type { Command } from "commander";
import type { DevOptions } from "../commands/dev.ts";
import type { Run } from "./run.ts";

/** token, dev. */
export function addClusterCommands(program: Command, run: Run): void {
  const token = program.command("token").description("tokens that let new nodes into the cluster");
  token
    .command("create")
    .description("make a token that lets one node in, for ten minutes; it is printed this once")
    .option("--role <role>", "only for a store or a compute node")
    .action((options: { role?: string }) =>
      run(async (context) => {
        const { runCreateJoinToken } = await import("../commands/join-tokens.ts");
        return runCreateJoinToken(context, options);
      }),
    );
  token.command("list").action(() =>
    run(async (context) => {
      const { runListJoinTokens } = await import("../commands/join-tokens.ts");
      return runListJoinTokens(context);
    }),
  );
  token
    .command("revoke")
    .argument("<id>")
    .action((id: string) =>
      run(async (context) => {
        const { runRevokeJoinToken } = await import("../commands/join-tokens.ts");
        return runRevokeJoinToken(context, id);
      }),
    );

  program
    .command("dev")
    .description("run a whole cluster on this machine until Ctrl-C")
    .option("--nodes <count>", "how many nodes (default: 3, or as many as the folder has)")
    .requiredOption("--dir <dir>", "folder of the nodes' data; an existing cluster there goes on")
    .option("--port <port>", "port of the first node's API, the others follow (default: free ones)")
    .action((options: DevOptions) =>
      run(async (context) => (await import("../commands/dev.ts")).runDev(context, options)),
    );
}
