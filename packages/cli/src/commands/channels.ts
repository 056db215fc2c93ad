import { type Account, HoldfastError } from "@holdfast/core";
import type { AccountAddress, AccountState, Client, PairedPerson } from "@holdfast/sdk";
import { nameOf } from "../addresses.ts";
import type { Context } from "../context.ts";
import { commandLimits } from "../limits.ts";
import { mapInOrder } from "../map-in-order.ts";
import { oneLine } from "../output/printable.ts";
import { type Format, printItems } from "../output/print-items.ts";
import type { Column } from "../output/table.ts";
import { printJson, printLine, styled } from "../output/terminal.ts";
import { timeText } from "../output/time-text.ts";
import type { ScopeOptions } from "./dead-letters.ts";
import { listResources } from "./list-resources.ts";

/** `holdfast channels check ACCOUNT`: 1 when the account does not work. */
export async function runCheck(
  { terminal, json, client }: Context,
  name: string,
  options: ScopeOptions,
): Promise<number> {
  const account = accountOf(name, options);
  const checked = await (await client()).checkAccount(account);
  const { ok, identity, findings, state } = checked;
  const { stdout } = terminal;
  if (json) printJson(stdout, checked);
  else {
    const lines: [string, string][] = [
      ["Account", `${account.organization}/${account.name}`],
      ["Check", ok ? styled(stdout, "green", "ok") : styled(stdout, "red", "not ok")],
      ["Identity", oneLine(identity ?? "-")],
      ["State", stateText(state)],
      ["Owner", oneLine(state.node ?? "-")],
      ...findings.map((finding): [string, string] => ["Finding", oneLine(finding)]),
    ];
    for (const [title, text] of lines) printLine(stdout, `${title.padEnd(9)} ${text}`);
  }
  return ok ? 0 : 1;
}

/** `holdfast channels state [ACCOUNT]`. */
export async function runState(
  context: Context,
  name: string | undefined,
  options: ScopeOptions,
): Promise<number> {
  const client = await context.client();
  const accounts = listResources(client, "Account", name, options.org);
  const states = mapInOrder(accounts, commandLimits.statesAtOnce, async (account) => ({
    organization: account.organization,
    name: account.name,
    channel: account.channel,
    ...(await stateOf(client, account)),
  }));
  await printItems(context, context.json ? "json" : "table", stateColumns, states, name);
  return 0;
}

/** `holdfast channels pairings ACCOUNT`: who waits first, then who was approved. */
export async function runPairings(
  context: Context,
  name: string,
  options: ScopeOptions,
): Promise<number> {
  const account = accountOf(name, options);
  const people = pairedPeople(await context.client(), account);
  await printItems(context, context.json ? "json" : "table", personColumns, people);
  return 0;
}

/** `holdfast channels approve ACCOUNT CODE`. */
export async function runApprove(
  { terminal, json, client }: Context,
  name: string,
  code: string,
  options: ScopeOptions,
): Promise<number> {
  const approved = await (await client()).approvePairing(accountOf(name, options), code);
  if (json) printJson(terminal.stdout, approved);
  else printLine(terminal.stdout, `${personText(approved)} approved`);
  return 0;
}

/** `holdfast channels revoke ACCOUNT PERSON`: the person gets a new code when they write again. */
export async function runRevoke(
  { terminal, json, client }: Context,
  name: string,
  person: string,
  options: ScopeOptions,
): Promise<number> {
  await (await client()).revokePairing(accountOf(name, options), person);
  if (json) printJson(terminal.stdout, { revoked: person });
  else printLine(terminal.stdout, `${oneLine(person)} revoked`);
  return 0;
}

/** `holdfast get accounts [NAME]`: in JSON and YAML as they were declared, so that they can be applied. */
export async function getAccounts(
  context: Context,
  name: string | undefined,
  { org, format }: ScopeOptions & { readonly format: Format },
): Promise<void> {
  const client = await context.client();
  const accounts = listResources(client, "Account", name, org);
  if (format !== "table") return printItems(context, format, [], accounts, name);
  const shown = mapInOrder(accounts, commandLimits.statesAtOnce, async (account) => ({
    account,
    state: await knownState(client, account),
  }));
  return printItems(context, format, accountColumns, shown);
}

/** The account that ACCOUNT and `--org` mean. Errors: `usage`. */
function accountOf(name: string, { org }: ScopeOptions): AccountAddress {
  const { organization, name: own } = nameOf("Account", name, org);
  if (organization === undefined) throw new HoldfastError("usage", "The organization is missing.");
  return { organization, name: own };
}

/** A list is worth printing also when one state is not to be had. */
async function knownState(client: Client, account: Account): Promise<AccountState | undefined> {
  try {
    return await client.accountState(account);
  } catch {
    return undefined;
  }
}
