import type { Command } from "commander";
import type { AuthorityOptions } from "../commands/authority.ts";
import type { DrainOptions } from "../commands/drain.ts";
import type { RemoveOptions } from "../commands/remove.ts";
import type { ReplaceOptions } from "../commands/replace.ts";
import type { Run } from "./run.ts";

const timeoutHelp = "longest wait (default: 600); what was begun goes on without it";

/** top, drain, activate, remove, replace, authority. */
export function addOperationCommands(program: Command, run: Run): void {
  program
    .command("top")
    .description("the cluster at work, drawn anew each second; in a pipe printed once")
    .action(() => run(async (context) => (await import("../commands/top.ts")).runTop(context)));

  program
    .command("drain")
    .description("move a node's partitions to the others; it stays a member without work")
    .argument("<node>")
    .option("--wait", "until its partitions are elsewhere")
    .option("--timeout <seconds>", timeoutHelp)
    .action((node: string, options: DrainOptions) =>
      run(async (context) => {
        const { runDrain } = await import("../commands/drain.ts");
        return runDrain(context, node, options);
      }),
    );

  program
    .command("activate")
    .description("end a drain: the node gets partitions again")
    .argument("<node>")
    .action((node: string) =>
      run(async (context) => {
        const { runActivate } = await import("../commands/drain.ts");
        return runActivate(context, node);
      }),
    );

  program
    .command("remove")
    .description("take nodes out of the cluster for good")
    .argument("<node...>")
    .option("--force", "also nodes that are alive, or whose going loses the majority")
    .option("-y, --yes", "do not ask")
    .action((nodes: string[], options: RemoveOptions) =>
      run(async (context) => {
        const { runRemove } = await import("../commands/remove.ts");
        return runRemove(context, nodes, options);
      }),
    );

  program
    .command("replace")
    .description("give the data of a store node that is gone for good to the others")
    .argument("<node>", "the dead node")
    .option("-y, --yes", "do not ask")
    .option("--timeout <seconds>", timeoutHelp)
    .action((node: string, options: ReplaceOptions) =>
      run(async (context) => {
        const { runReplace } = await import("../commands/replace.ts");
        return runReplace(context, node, options);
      }),
    );

  addAuthorityCommands(program, run);
}

function addAuthorityCommands(program: Command, run: Run): void {
  const authority = program
    .command("authority")
    .description("the key that signs the certificates of all nodes: see it, change it");
  authority
    .command("status")
    .description("where a change of key is, and which nodes have followed")
    .action(() =>
      run(async (context) =>
        (await import("../commands/authority.ts")).runAuthorityStatus(context),
      ),
    );
  authority
    .command("bundle")
    .description("print what clients must trust, for the file that --ca names")
    .action(() =>
      run(async (context) => (await import("../commands/authority.ts")).runBundle(context)),
    );
  authority
    .command("rotate")
    .description("make a new key, wait until every node trusts it, and let it sign")
    .option(
      "--pause",
      "stop before it signs, so that clients elsewhere can get the new bundle first",
    )
    .option("--timeout <seconds>", timeoutHelp)
    .action((options: AuthorityOptions) =>
      run(async (context) =>
        (await import("../commands/authority.ts")).runRotate(context, options),
      ),
    );
  authority
    .command("rollback")
    .description("go back to the key before")
    .action(() =>
      run(async (context) => (await import("../commands/authority.ts")).runRollback(context)),
    );
  authority
    .command("retire")
    .description("end the trust in the key that does not sign; there is no way back")
    .option("-y, --yes", "do not ask")
    .action((options: AuthorityOptions) =>
      run(async (context) =>
        (await import("../commands/authority.ts")).runRetire(context, options),
      ),
    );
}
