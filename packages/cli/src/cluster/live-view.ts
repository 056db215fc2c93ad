import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError, toHoldfastError } from "@holdfast/core";
import type { Context } from "../context.ts";
import { commandLimits } from "../limits.ts";
import { openLiveScreen, type ScreenLine } from "../output/live-screen.ts";
import { oneLine } from "../output/printable.ts";
import { printLine } from "../output/terminal.ts";

export interface LiveView<Value> {
  /** Errors: those of the API. */
  readonly read: () => Promise<Value>;
  readonly lines: (value: Value) => readonly ScreenLine[];
}

/**
 * Shows a view on the whole screen until the person leaves. Once it has shown something it goes on through
 * failures, and says of them. Gives what was shown last. Errors: those of the first read, and what no
 * waiting mends.
 */
export async function showLive<Value>(
  context: Context,
  { read, lines }: LiveView<Value>,
): Promise<Value> {
  let value = await read();
  const screen = openLiveScreen(context);
  const ended = new AbortController();
  void screen.left.then(() => ended.abort());
  try {
    screen.draw(lines(value));
    while (!ended.signal.aborted) {
      await untilNext(ended.signal);
      const answer = await Promise.race([read().catch(failureOf), screen.left]);
      if (ended.signal.aborted || answer === undefined) break;
      if (answer instanceof HoldfastError) screen.draw([faultLine(answer), ...lines(value)]);
      else screen.draw(lines((value = answer)));
    }
    return value;
  } finally {
    screen.close();
  }
}

/** Prints a view each time that it changes, until Ctrl-C. Errors: those of `read`. */
export async function printChanges<Value>(
  context: Context,
  { read }: Pick<LiveView<Value>, "read">,
  textOf: (value: Value) => string,
): Promise<void> {
  const ended = new AbortController();
  const restore = context.onInterrupt(() => ended.abort());
  let before: string | undefined;
  try {
    while (!ended.signal.aborted) {
      const text = textOf(await read());
      if (ended.signal.aborted) return;
      if (text !== before) printLine(context.terminal.stdout, text);
      before = text;
      await untilNext(ended.signal);
    }
  } finally {
    restore();
  }
}

async function untilNext(signal: AbortSignal): Promise<void> {
  await pause(commandLimits.liveMs, undefined, { signal }).catch(() => undefined);
}

function failureOf(thrown: unknown): HoldfastError {
  const error = toHoldfastError(thrown);
  if (error.retry === "safe") return error;
  throw error;
}

function faultLine({ message }: HoldfastError): ScreenLine {
  return { text: `As it was seen last. ${oneLine(message)}`, style: "red" };
}
