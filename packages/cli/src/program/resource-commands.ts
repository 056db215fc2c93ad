import { type Command, Option } from "commander";
import type { ApplyOptions } from "../commands/apply.ts";
import type { DeleteOptions } from "../commands/delete.ts";
import type { GetOptions } from "../commands/get.ts";
import type { ImportOptions } from "../commands/import.ts";
import type { Run } from "./run.ts";

const filesHelp = "YAML or JSON file, folder of such files, or - for the standard input";

/** apply, diff, get, delete, import. */
export function addResourceCommands(program: Command, run: Run): void {
  program
    .command("apply")
    .description("make what the files declare true, all or nothing")
    .requiredOption("-f, --filename <file...>", filesHelp)
    .option("-y, --yes", "do not ask")
    .option("--dry-run", "only show what would change")
    .action((options: ApplyOptions) =>
      run(async (context) => (await import("../commands/apply.ts")).runApply(context, options)),
    );

  program
    .command("diff")
    .description("show what an apply would change")
    .requiredOption("-f, --filename <file...>", filesHelp)
    .option("--exit-code", "exit with 1 when something would change")
    .action((options: { filename: string[]; exitCode?: boolean }) =>
      run(async (context) => (await import("../commands/apply.ts")).runDiff(context, options)),
    );

  program
    .command("get")
    .description(
      "list organizations, agents, providers, accounts, identity-links, nodes, partitions, deliveries, failed-deliveries, dead-letters or tokens, or show one",
    )
    .argument("<kind>")
    .argument("[name]", "name, ORG/NAME or id; of deliveries ORG/AGENT")
    .argument("[conversation]", "deliveries: of this conversation")
    .option("--org <organization>", "only of this organization")
    .option("-w, --watch", "nodes, partitions: go on showing them until Ctrl-C")
    .addOption(new Option("-o, --output <format>", "format").choices(["table", "json", "yaml"]))
    .action(
      (
        kind: string,
        name: string | undefined,
        conversation: string | undefined,
        options: GetOptions,
      ) =>
        run(async (context) => {
          const { runGet } = await import("../commands/get.ts");
          return runGet(context, kind, name, { ...options, conversation });
        }),
    );

  program
    .command("delete")
    .description(
      "delete an organization, agent, provider, account or identity-link, or what files declare",
    )
    .argument("[kind]")
    .argument("[name]", "name or ORG/NAME")
    .option("--org <organization>", "the organization")
    .option("-f, --filename <file...>", filesHelp)
    .option("-y, --yes", "do not ask")
    .action((kind: string | undefined, name: string | undefined, options: DeleteOptions) =>
      run(async (context) => {
        const { runDelete } = await import("../commands/delete.ts");
        return runDelete(context, kind, name, options);
      }),
    );

  program
    .command("import")
    .description("take over agents of another system")
    .command("openclaw")
    .description("import an OpenClaw folder: openclaw.json, workspaces, skills")
    .argument("<dir>")
    .requiredOption("--org <organization>", "the organization that gets the agents")
    .option("--dry-run", "only show what would be taken over")
    .option("-y, --yes", "do not ask")
    .action((folder: string, options: ImportOptions) =>
      run(async (context) => {
        const { runImport } = await import("../commands/import.ts");
        return runImport(context, folder, options);
      }),
    );
}
