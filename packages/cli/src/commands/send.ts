import { HoldfastError, limits } from "@holdfast/core";
import { conversationOf } from "../addresses.ts";
import type { Context } from "../context.ts";
import { readText } from "../files/read-sources.ts";
import { commandLimits } from "../limits.ts";
import { printable } from "../output/printable.ts";
import { printJson, printLine } from "../output/terminal.ts";

export interface SendOptions {
  readonly conversation?: string;
  readonly key?: string;
  /** False for `--no-wait`; otherwise seconds as they were written. */
  readonly wait?: string | boolean;
  readonly file?: string;
}

/** `holdfast send ORG/AGENT TEXT...`: one message, and its answer unless `--no-wait`. */
export async function runSend(
  context: Context,
  address: string,
  words: readonly string[],
  options: SendOptions,
): Promise<number> {
  const { terminal, json } = context;
  const to = conversationOf(address, options.conversation);
  const waitMs = waitOf(options.wait);
  const text = await textOf(context, words, options.file);
  const client = await context.client();
  const key = options.key === undefined ? {} : { key: options.key };
  if (waitMs === undefined) {
    const sent = await client.send(to, text, key);
    if (json) printJson(terminal.stdout, sent);
    else printLine(terminal.stdout, `${sent.id}${sent.duplicate ? " (sent before)" : ""}`);
    return 0;
  }
  try {
    const answer = await client.ask(to, text, { ...key, waitMs });
    if (json) printJson(terminal.stdout, answer);
    else printLine(terminal.stdout, terminal.stdout.isTTY ? printable(answer.reply) : answer.reply);
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof HoldfastError) || thrown.code !== "wait_timeout") throw thrown;
    const command = `holdfast history ${address} ${to.conversation}`;
    const message = `${thrown.message} It will stand in \`${command}\`.`;
    throw new HoldfastError("wait_timeout", message, { cause: thrown });
  }
}

async function textOf(
  context: Context,
  words: readonly string[],
  file: string | undefined,
): Promise<string> {
  if (file === undefined && words.length > 0) return words.join(" ");
  if (file === undefined || words.length > 0) {
    throw new HoldfastError("usage", "Give the message as words, or with -f FILE (- for stdin).");
  }
  const text = (await readText(file, context.terminal.stdin)).replace(/\r?\n$/, "");
  if (text === "") throw new HoldfastError("usage", `The message in ${file} is empty.`);
  return text;
}

function waitOf(wait: string | boolean | undefined): number | undefined {
  if (wait === false) return undefined;
  if (wait === undefined || wait === true) return commandLimits.sendWaitMs;
  const seconds = Number(wait);
  const maxSeconds = limits.waitMaxMs / 1_000;
  if (seconds > 0 && seconds <= maxSeconds) return seconds * 1_000;
  throw new HoldfastError(
    "usage",
    `--wait ${wait}: expected seconds, above 0 up to ${maxSeconds}.`,
  );
}
