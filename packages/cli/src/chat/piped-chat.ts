import { createInterface } from "node:readline";
import { type ConversationRef, toHoldfastError } from "@holdfast/core";
import type { Client } from "@holdfast/sdk";
import type { Context } from "../context.ts";
import { errorJson, reportError } from "../output/report-error.ts";
import { printLine } from "../output/terminal.ts";
import { deliver } from "./delivery.ts";

/**
 * A chat of programs: each line of the standard input is a message, each answer goes to the standard
 * output, with `--json` as one line of JSON. A message that fails is reported, and the next one is
 * sent; the exit code is then 1.
 */
export async function pipedChat(
  context: Context,
  client: Client,
  to: ConversationRef,
): Promise<number> {
  const { terminal, json } = context;
  const never = new AbortController().signal;
  let code = 0;
  for await (const line of createInterface({ input: terminal.stdin, crlfDelay: Infinity })) {
    if (line.trim() === "") continue;
    try {
      const answer = await deliver(client, to, line, {}, never);
      printLine(terminal.stdout, json ? JSON.stringify(answer) : answer.reply);
    } catch (thrown) {
      code = 1;
      const error = toHoldfastError(thrown);
      if (json) printLine(terminal.stdout, JSON.stringify(errorJson(error)));
      else reportError(terminal.stderr, error);
    }
  }
  return code;
}
