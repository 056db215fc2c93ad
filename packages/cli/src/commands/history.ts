import { HoldfastError } from "@holdfast/core";
import type { StoredMessage } from "@holdfast/sdk";
import { conversationOf } from "../addresses.ts";
import type { Context } from "../context.ts";
import { printJsonArray } from "../output/json-array.ts";
import { oneLine, printable } from "../output/printable.ts";
import { printLine, type Stream, styled } from "../output/terminal.ts";
import { timeText } from "../output/time-text.ts";

/** `holdfast history ORG/AGENT CONVERSATION`: the whole conversation, oldest first. */
export async function runHistory(
  context: Context,
  address: string,
  conversation: string | undefined,
  options: { readonly after?: string },
): Promise<number> {
  const of = conversationOf(address, conversation);
  const after = options.after === undefined ? {} : { after: indexOf(options.after) };
  const client = await context.client();
  const messages = client.historyAll(of, after);
  const { stdout } = context.terminal;
  if (context.json) await printJsonArray(stdout, messages);
  else for await (const message of messages) printMessage(stdout, message);
  return 0;
}

function indexOf(text: string): number {
  if (/^(-1|\d{1,15})$/.test(text)) return Number(text);
  throw new HoldfastError("usage", `--after ${text}: expected the index of a message.`);
}

/** A message as a heading and its text. */
export function printMessage(stdout: Stream, message: StoredMessage): void {
  const who =
    message.role === "tool" ? `tool ${oneLine(message.toolName ?? "")}` : roles[message.role];
  const failed = message.isError ? " failed" : "";
  const heading = `#${message.index} ${who}${failed}, ${timeText(message.at)}`;
  printLine(stdout, styled(stdout, message.role === "user" ? "cyan" : "green", heading));
  const more = message.blob === undefined ? "" : " … (the rest is stored apart)";
  if (message.text !== "")
    printLine(stdout, `  ${printable(message.text + more).replace(/\n/g, "\n  ")}`);
  for (const call of message.toolCalls ?? []) {
    printLine(
      stdout,
      styled(stdout, "dim", `  calls ${oneLine(`${call.name} ${call.arguments}`)}`),
    );
  }
}

const roles = { user: "you", assistant: "agent" } as const;
