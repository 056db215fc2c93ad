import type { Command } from "commander";
import type { ScopeOptions } from "../commands/dead-letters.ts";
import type { Run } from "./run.ts";

const accountHelp = "ORG/NAME, or NAME with --org";
const orgHelp = "the account's organization";

/** channels, deliveries. */
export function addChannelCommands(program: Command, run: Run): void {
  const channels = program
    .command("channels")
    .description("channel accounts: whether they work, and who may write to them");
  channels
    .command("check")
    .description("ask the platform whether the account works; exit code 1 when it does not")
    .argument("<account>", accountHelp)
    .option("--org <organization>", orgHelp)
    .action((account: string, options: ScopeOptions) =>
      run(async (context) => {
        const { runCheck } = await import("../commands/channels.ts");
        return runCheck(context, account, options);
      }),
    );
  channels
    .command("state")
    .description("how the accounts are, as the nodes that own them know")
    .argument("[account]", accountHelp)
    .option("--org <organization>", "only of this organization")
    .action((account: string | undefined, options: ScopeOptions) =>
      run(async (context) => {
        const { runState } = await import("../commands/channels.ts");
        return runState(context, account, options);
      }),
    );
  addPairingCommands(channels, run);
  addDeliveryCommands(program, run);
}

function addPairingCommands(channels: Command, run: Run): void {
  channels
    .command("pairings")
    .description("who waits for approval, and who has it")
    .argument("<account>", accountHelp)
    .option("--org <organization>", orgHelp)
    .action((account: string, options: ScopeOptions) =>
      run(async (context) => {
        const { runPairings } = await import("../commands/channels.ts");
        return runPairings(context, account, options);
      }),
    );
  channels
    .command("approve")
    .description("let the person write who got this code")
    .argument("<account>", accountHelp)
    .argument("<code>")
    .option("--org <organization>", orgHelp)
    .action((account: string, code: string, options: ScopeOptions) =>
      run(async (context) => {
        const { runApprove } = await import("../commands/channels.ts");
        return runApprove(context, account, code, options);
      }),
    );
  channels
    .command("revoke")
    .description("take back an approval, or a code")
    .argument("<account>", accountHelp)
    .argument("<person>", "the platform's id, as `pairings` shows it")
    .option("--org <organization>", orgHelp)
    .action((account: string, person: string, options: ScopeOptions) =>
      run(async (context) => {
        const { runRevoke } = await import("../commands/channels.ts");
        return runRevoke(context, account, person, options);
      }),
    );
}

function addDeliveryCommands(program: Command, run: Run): void {
  const deliveries = program
    .command("deliveries")
    .description("messages that agents sent to chats; `get deliveries` lists them");
  for (const action of ["retry", "discard"] as const) {
    deliveries
      .command(action)
      .description(action === "retry" ? "send held messages once more" : "give messages up")
      .argument("<org/agent>")
      .argument("<conversation>")
      .argument("<id...>")
      .action((address: string, conversation: string, ids: string[]) =>
        run(async (context) => {
          const { runChangeDelivery } = await import("../commands/deliveries.ts");
          return runChangeDelivery(context, action, { address, conversation, ids });
        }),
      );
  }
}
