import { HoldfastError } from "@holdfast/core";
import type { JoinTokenInfo, NodeRole } from "@holdfast/sdk";
import type { Context } from "../context.ts";
import { type Column, table } from "../output/table.ts";
import { printJson, printLine } from "../output/terminal.ts";
import { timeText } from "../output/time-text.ts";

/** The role that a word means. Errors: `usage`. */
export function roleOf(word: string | undefined): NodeRole | undefined {
  if (word === undefined || word === "store" || word === "compute") return word;
  const shown = JSON.stringify(word.slice(0, 80));
  throw new HoldfastError("usage", `${shown} is no role: expected store or compute.`);
}

/** `holdfast token create`: the token is printed this once, alone on the standard output. */
export async function runCreateJoinToken(
  context: Context,
  options: { readonly role?: string },
): Promise<number> {
  const { terminal, json } = context;
  const role = roleOf(options.role);
  const created = await (await context.client()).createJoinToken(role ? { role } : {});
  if (json) {
    printJson(terminal.stdout, created);
    return 0;
  }
  const who = role ? `one ${role} node` : "one node";
  const until = timeText(created.expiresAt) ?? "";
  printLine(terminal.stderr, `Token ${created.id} lets ${who} in until ${until}:`);
  printLine(terminal.stdout, created.token);
  printLine(terminal.stderr, "On the new machine: HOLDFAST_JOIN=<token> holdfast up");
  return 0;
}

/** `holdfast token list`. */
export async function runListJoinTokens(context: Context): Promise<number> {
  const { terminal, json } = context;
  const tokens = await (await context.client()).joinTokens();
  if (json) printJson(terminal.stdout, tokens);
  else if (tokens.length === 0) printLine(terminal.stderr, "There are none.");
  else for (const line of table(columns, tokens)) printLine(terminal.stdout, line);
  return 0;
}

/** `holdfast token revoke ID`: nobody gets in with it any more. */
export async function runRevokeJoinToken(context: Context, id: string): Promise<number> {
  const { terminal, json } = context;
  await (await context.client()).revokeJoinToken(id);
  if (json) printJson(terminal.stdout, { revoked: id });
  else printLine(terminal.stdout, `${id} revoked`);
  return 0;
}

const columns: readonly Column<JoinTokenInfo>[] = [
  { title: "ID", value: (token) => token.id },
  { title: "ROLE", value: (token) => token.role ?? "any" },
  { title: "STATE", value: (token) => token.state },
  { title: "CREATED", value: (token) => timeText(token.createdAt) },
  { title: "EXPIRES", value: (token) => timeText(token.expiresAt) },
];
