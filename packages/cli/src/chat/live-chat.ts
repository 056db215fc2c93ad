import { type ConversationRef, type HoldfastError, toHoldfastError } from "@holdfast/core";
import type { Client, WatchEvent } from "@holdfast/sdk";
import { printMessage } from "../commands/history.ts";
import type { Context } from "../context.ts";
import { commandLimits } from "../limits.ts";
import { oneLine, printable } from "../output/printable.ts";
import { reportError } from "../output/report-error.ts";
import { printLine, styled } from "../output/terminal.ts";
import { AnswerView } from "./answer-view.ts";
import { deliver } from "./delivery.ts";
import { readLineHistory, writeLineHistory } from "./line-history.ts";
import { LineReader } from "./line-reader.ts";

/** A chat of a person: answers appear as they are made. Gives the exit code. */
export async function liveChat(
  context: Context,
  client: Client,
  to: ConversationRef,
  newest: number,
): Promise<number> {
  const typed = await readLineHistory(context.terminal.env);
  const reader = new LineReader(context.terminal, "> ", typed);
  const end = new AbortController();
  const screen = new LiveScreen(context, client, to);
  const watching = screen.follow(newest, end.signal);
  try {
    return await converse(context, reader, screen, typed);
  } finally {
    reader.close();
    end.abort();
    await watching;
    await writeLineHistory(context.terminal.env, typed);
  }
}

async function converse(
  context: Context,
  reader: LineReader,
  screen: LiveScreen,
  typed: string[],
): Promise<number> {
  const { stdout } = context.terminal;
  let interruptedAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const entered = await reader.next();
    if (entered.type === "end") {
      printLine(stdout);
      return 0;
    }
    if (entered.type === "interrupt") {
      if (reader.clearLine()) continue;
      if (performance.now() - interruptedAt < commandLimits.leaveWithinMs) {
        printLine(stdout);
        return 130;
      }
      interruptedAt = performance.now();
      printLine(stdout, "\n(Ctrl-C once more, or /quit, to leave)");
      continue;
    }
    const text = entered.text.trim();
    if (text === "") continue;
    typed.push(text);
    if (text === "/quit" || text === "/exit") return 0;
    reader.rest();
    if (text === "/help") printLine(stdout, help);
    else if (text === "/history") await screen.showHistory();
    else if (/^\/\w+$/.test(text)) printLine(stdout, `There is no ${text}. ${help}`);
    else await screen.answer(text);
  }
}

/** The answers' side of the terminal, fed by one event stream for the whole chat. */
class LiveScreen {
  readonly #context: Context;
  readonly #client: Client;
  readonly #to: ConversationRef;
  #view: AnswerView | undefined;
  #lost = false;
  #atLineStart = true;

  constructor(context: Context, client: Client, to: ConversationRef) {
    this.#context = context;
    this.#client = client;
    this.#to = to;
  }

  /** Reads the conversation's events until the signal ends it; never rejects. */
  async follow(after: number, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of this.#client.watch(this.#to, { signal, after })) this.#take(event);
    } catch (thrown) {
      // Answers still come, whole instead of piece by piece, by the request that waits for them.
      if (!signal.aborted) this.#remark(`[no live text: ${toHoldfastError(thrown).message}]`);
    }
  }

  /** Sends a message and shows its answer; Ctrl-C ends the showing. */
  async answer(text: string): Promise<void> {
    const { terminal } = this.#context;
    const stop = new AbortController();
    const restore = this.#context.onInterrupt(() => stop.abort());
    const view = new AnswerView({
      text: (piece) => this.#write(piece),
      remark: (line) => this.#remark(line),
    });
    this.#view = view;
    let accepted = false;
    try {
      const delivery = {
        accepted: (id: string) => {
          accepted = true;
          view.accepted(id);
        },
        retrying: (error: HoldfastError) => this.#say(`[${oneLine(error.message)} Trying again.]`),
      };
      view.answer(await deliver(this.#client, this.#to, text, delivery, stop.signal));
      this.#endLine();
    } catch (thrown) {
      this.#endLine();
      if (!stop.signal.aborted) reportError(terminal.stderr, toHoldfastError(thrown));
      else if (accepted) this.#remark("[not shown further; the turn goes on: /history]");
      else this.#remark("[stopped before the node confirmed the message]");
    } finally {
      this.#view = undefined;
      this.#lost = false;
      restore();
    }
  }

  async showHistory(): Promise<void> {
    const { terminal } = this.#context;
    try {
      for await (const message of this.#client.historyAll(this.#to)) {
        printMessage(terminal.stdout, message);
      }
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      if (error.code === "conversation_not_found") printLine(terminal.stdout, "(nothing yet)");
      else reportError(terminal.stderr, error);
    }
  }

  #take(event: WatchEvent): void {
    // Between answers a lost connection is nobody's concern: it comes back by itself.
    if (event.type === "disconnected" && this.#view) this.#say("[the node is away; reconnecting]");
    else if (event.type === "connected" && this.#lost) {
      this.#lost = false;
      this.#remark("[connected again]");
    } else this.#view?.event(event);
  }

  /** Says once per outage that something is lost. */
  #say(line: string): void {
    if (!this.#lost) this.#remark(line);
    this.#lost = true;
  }

  #write(piece: string): void {
    if (piece === "") return;
    const text = printable(piece);
    this.#context.terminal.stdout.write(text);
    this.#atLineStart = text.endsWith("\n");
  }

  #remark(line: string): void {
    const { stdout } = this.#context.terminal;
    this.#endLine();
    printLine(stdout, styled(stdout, "dim", oneLine(line)));
  }

  #endLine(): void {
    if (!this.#atLineStart) printLine(this.#context.terminal.stdout);
    this.#atLineStart = true;
  }
}

const help =
  "Type a message and press Enter. /history shows the conversation, /quit leaves; Ctrl-C stops showing an answer.";
