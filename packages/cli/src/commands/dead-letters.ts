import { type DeadLetter, HoldfastError } from "@holdfast/core";
import { paged } from "@holdfast/sdk";
import type { Context } from "../context.ts";
import { oneLine, printable } from "../output/printable.ts";
import { printJson, printLine } from "../output/terminal.ts";
import { timeText } from "../output/time-text.ts";

export interface ScopeOptions {
  readonly org?: string;
}

/** `holdfast dead-letters show ID`. */
export async function runShow(
  context: Context,
  id: string,
  options: ScopeOptions,
): Promise<number> {
  const client = await context.client();
  for await (const letter of paged((range) => client.deadLetters(options.org, range))) {
    if (letter.id !== id) continue;
    if (context.json) printJson(context.terminal.stdout, letter);
    else printLetter(context, letter);
    return 0;
  }
  throw new HoldfastError("message_not_found", `There is no dead letter ${id}.`);
}

/** `holdfast dead-letters replay ID...`. */
export async function runReplay(
  context: Context,
  ids: readonly string[],
  options: ScopeOptions,
): Promise<number> {
  const client = await context.client();
  const replayed: object[] = [];
  for (const id of ids) {
    const sent = await client.replayDeadLetter(id, options.org);
    replayed.push({ deadLetter: id, ...sent });
    if (!context.json) printLine(context.terminal.stdout, `${id} replayed as message ${sent.id}`);
  }
  if (context.json) printJson(context.terminal.stdout, replayed);
  return 0;
}

/** `holdfast dead-letters discard ID...`. */
export async function runDiscard(
  context: Context,
  ids: readonly string[],
  options: ScopeOptions,
): Promise<number> {
  const client = await context.client();
  for (const id of ids) {
    await client.discardDeadLetter(id, options.org);
    if (!context.json) printLine(context.terminal.stdout, `${id} discarded`);
  }
  if (context.json) printJson(context.terminal.stdout, { discarded: ids });
  return 0;
}

function printLetter({ terminal }: Context, letter: DeadLetter): void {
  const { message } = letter;
  const lines: [string, string][] = [
    ["Id", letter.id],
    ["Conversation", `${message.organization}/${message.agent} ${message.conversation}`],
    ["Message", `${message.id}, received ${timeText(message.receivedAt)}`],
    ["Failed", `${letter.attempts} times, for good at ${timeText(letter.at)}`],
    ["Reason", `[${letter.code}] ${oneLine(letter.reason)}`],
  ];
  for (const [title, text] of lines) printLine(terminal.stdout, `${title.padEnd(13)} ${text}`);
  printLine(terminal.stdout);
  printLine(terminal.stdout, printable(contentText(message.content)));
}

function contentText(content: DeadLetter["message"]["content"]): string {
  if (content.type === "text") return content.text;
  if (content.type === "blob") return `(a text of ${content.bytes} bytes, stored apart)`;
  if (content.type === "notice") return content.text;
  if (content.type === "delivery") return `(${content.news.type})`;
  return content.results.map((result) => `${result.toolCallId}: ${result.text}`).join("\n");
}
