import { HoldfastError, isErrorCode } from "@holdfast/core";
import type { Client, Operation } from "@holdfast/sdk";
import { operationText } from "../cluster/columns.ts";
import { follow, type Look, timeoutOf } from "../cluster/follow.ts";
import type { Context } from "../context.ts";
import { confirmed } from "../output/ask.ts";
import { oneLine } from "../output/printable.ts";
import { isInteractive, printJson, printLine } from "../output/terminal.ts";

export interface ReplaceOptions {
  readonly yes?: boolean;
  readonly timeout?: string;
}

/** `holdfast replace DEADNODE`: the plan with its reasons, then the progress. */
export async function runReplace(
  context: Context,
  node: string,
  options: ReplaceOptions,
): Promise<number> {
  const { terminal, json } = context;
  const timeoutMs = timeoutOf(options.timeout);
  const client = await context.client();
  const plan = await client.replaceNode(node, { dryRun: true });
  if (!json) {
    plan.steps.forEach(({ text, reason }, index) => {
      printLine(terminal.stdout, `${index + 1}. ${oneLine(text)}`);
      printLine(terminal.stdout, `   Why: ${oneLine(reason)}`);
    });
  }
  if (!options.yes && !json && isInteractive(terminal)) {
    if (!(await confirmed(terminal, `Replace ${node} so?`))) return 1;
  }
  await client.replaceNode(node);
  const end = await follow({ terminal, timeoutMs }, () => lookAt(client, node));
  if (end === undefined) {
    printLine(terminal.stderr, `It goes on without this command: see \`holdfast top\`.`);
    return 1;
  }
  if (json) printJson(terminal.stdout, { plan, operation: end });
  if (end.phase === "failed") throw failure(end, node);
  if (!json) printLine(terminal.stdout, `${node} is replaced.`);
  return 0;
}

async function lookAt(client: Client, node: string): Promise<Look<Operation>> {
  const operation = await client.operation();
  if (operation?.kind !== "replace" || operation.node !== node) {
    return { text: `waiting until the replacement of ${node} begins` };
  }
  const text = operationText(operation);
  const isOver = operation.phase === "done" || operation.phase === "failed";
  return isOver ? { text, done: operation } : { text };
}

function failure({ error }: Operation, node: string): HoldfastError {
  const message = `The replacement of ${node} failed: ${error?.message ?? "no reason is known"}`;
  const code = error && isErrorCode(error.code) ? error.code : "internal";
  return new HoldfastError(code, message);
}
