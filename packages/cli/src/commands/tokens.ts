import { HoldfastError } from "@holdfast/core";
import type { Context } from "../context.ts";
import { confirmed } from "../output/ask.ts";
import { isInteractive, printJson, printLine } from "../output/terminal.ts";
import type { ScopeOptions } from "./dead-letters.ts";

/** `holdfast tokens create NAME`: the secret is printed this once, alone on the standard output. */
export async function runCreateToken(
  context: Context,
  name: string,
  options: ScopeOptions,
): Promise<number> {
  const { terminal, json } = context;
  if (name.trim() === "") throw new HoldfastError("usage", "The token needs a name.");
  const created = await (await context.client()).createToken({ name }, options.org);
  if (json) {
    printJson(terminal.stdout, created);
    return 0;
  }
  const reach = options.org === undefined ? "the whole node" : `organization ${options.org}`;
  printLine(terminal.stderr, `Token ${created.id} for ${reach}, shown this once:`);
  printLine(terminal.stdout, created.token);
  return 0;
}

/** `holdfast tokens revoke ID`: whoever uses the token is refused from now on. */
export async function runRevokeToken(
  context: Context,
  id: string,
  options: ScopeOptions & { readonly yes?: boolean },
): Promise<number> {
  const { terminal, json } = context;
  if (!options.yes && !json && isInteractive(terminal)) {
    if (!(await confirmed(terminal, `Revoke token ${id}?`))) return 1;
  }
  await (await context.client()).revokeToken(id, options.org);
  if (json) printJson(terminal.stdout, { revoked: id });
  else printLine(terminal.stdout, `${id} revoked`);
  return 0;
}
