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
  context: Context,
  name: string,
  options: ScopeOptions,
): Promise<number> {
  const account = accountOf(name, options);
  const checked = await (await context.client()).checkAccount(account);
  const { ok, identity, findings, state } = checked;
  const { stdout } = context.terminal;
  if (context.json) printJson(stdout, checked);
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
    ...(await (name === undefined ? knownState(client, account) : client.accountState(account))),
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
  context: Context,
  name: string,
  code: string,
  options: ScopeOptions,
): Promise<number> {
  const { terminal, json } = context;
  const approved = await (await context.client()).approvePairing(accountOf(name, options), code);
  if (json) printJson(terminal.stdout, approved);
  else printLine(terminal.stdout, `${personText(approved)} approved`);
  return 0;
}

/** `holdfast channels revoke ACCOUNT PERSON`: the person gets a new code when they write again. */
export async function runRevoke(
  context: Context,
  name: string,
  person: string,
  options: ScopeOptions,
): Promise<number> {
  const { terminal, json } = context;
  await (await context.client()).revokePairing(accountOf(name, options), person);
  if (json) printJson(terminal.stdout, { revoked: person });
  else printLine(terminal.stdout, `${oneLine(person)} revoked`);
  return 0;
}

/** `holdfast get accounts [NAME]`: in JSON and YAML as they were declared, so that they can be applied. */
export async function getAccounts(
  context: Context,
  name: string | undefined,
  { org, format }: ScopeOptions & { readonly format: Format },
): Promise<number> {
  const client = await context.client();
  const accounts = listResources(client, "Account", name, org);
  if (format !== "table") {
    await printItems(context, format, [], accounts, name);
    return 0;
  }
  const shown = mapInOrder(accounts, commandLimits.statesAtOnce, async (account) => ({
    account,
    state: await knownState(client, account),
  }));
  await printItems(context, format, accountColumns, shown);
  return 0;
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

interface PersonRow {
  readonly state: "waits" | "approved";
  readonly id: string;
  readonly name?: string;
  readonly username?: string;
  readonly channel: string;
  readonly code?: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

async function* pairedPeople(
  client: Client,
  account: AccountAddress,
): AsyncGenerator<PersonRow, void, undefined> {
  let after: string | undefined;
  do {
    const range = after === undefined ? {} : { after };
    const { pending, paired, next } = await client.pairings(account, range);
    for (const { requestedAt, ...person } of after === undefined ? pending : []) {
      yield { state: "waits", ...person, since: requestedAt };
    }
    for (const { approvedAt, ...person } of paired) {
      yield { state: "approved", ...person, since: approvedAt };
    }
    after = next;
  } while (after !== undefined);
}

function stateText({ status, since, detail }: AccountState): string {
  const from = since === undefined ? "" : ` since ${timeText(since)}`;
  return `${status}${from}${detail === undefined ? "" : `: ${oneLine(detail)}`}`;
}

function personText({ id, name, username }: PairedPerson): string {
  const called = [name, username && `@${username}`].filter(Boolean).join(", ");
  return oneLine(called === "" ? id : `${id} (${called})`);
}

const personColumns: readonly Column<PersonRow>[] = [
  { title: "PERSON", value: ({ id }) => id, isWhole: true },
  { title: "NAME", value: ({ name }) => name },
  { title: "USER NAME", value: ({ username }) => username },
  { title: "STATE", value: ({ state }) => state },
  { title: "CODE", value: ({ code }) => code },
  { title: "SINCE", value: ({ since }) => timeText(since) },
];

type StateRow = AccountAddress & { readonly channel: string } & Partial<AccountState>;

const stateColumns: readonly Column<StateRow>[] = [
  { title: "ORGANIZATION", value: ({ organization }) => organization },
  { title: "NAME", value: ({ name }) => name },
  { title: "CHANNEL", value: ({ channel }) => channel },
  { title: "STATE", value: ({ status }) => status },
  { title: "NODE", value: ({ node }) => node },
  { title: "SINCE", value: ({ since }) => timeText(since) },
  { title: "DETAIL", value: ({ detail }) => detail, isWhole: true },
];

interface AccountRow {
  readonly account: Account;
  /** Undefined when it is not known. */
  readonly state: AccountState | undefined;
}

const accountColumns: readonly Column<AccountRow>[] = [
  { title: "ORGANIZATION", value: ({ account }) => account.organization },
  { title: "NAME", value: ({ account }) => account.name },
  { title: "CHANNEL", value: ({ account }) => account.channel },
  { title: "AGENT", value: ({ account }) => account.agent },
  { title: "STATE", value: ({ state }) => state?.status },
  { title: "NODE", value: ({ state }) => state?.node },
];
