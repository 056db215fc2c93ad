import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { type AccountOptions, HoldfastError } from "@holdfast/core";
import { emailLimits } from "./limits.ts";
import type { ReadingAnswer, ReadingTask } from "./mail-worker.ts";
import { readHead, type ReadMail } from "./read-mail.ts";
import { Slots } from "./slots.ts";

interface Bounds {
  readonly readingMs: number;
  readonly readingHeapMiB: number;
  readonly readerStartMs: number;
  readonly readerIdleMs: number;
}

/**
 * Reads mails in a thread of its own, one at a time, so that the node goes on whatever a stranger's mail costs;
 * accounts take turns. A mail that takes too long ends the thread, and gets a second turn in another one: the
 * machine may only have been busy.
 */
export class MailReader {
  readonly #bounds: Bounds;
  readonly #turns = new Slots(1);
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** Errors: `channel_unavailable` when the signal aborts, or no thread can be started. */
  async read(
    { organization, name }: Pick<AccountOptions, "organization" | "name">,
    source: Uint8Array,
    isWhole: boolean,
    signal: AbortSignal,
  ): Promise<ReadMail> {
    const group = `${organization}/${name}`;
    const attempt = () => this.#turns.use(signal, () => this.#try(source, isWhole, signal), group);
    return (
      (await attempt()) ??
      (await attempt()) ??
      readHead(source, isWhole, "It takes too much time or memory to read")
    );
  }

  /** Undefined when it takes too much. */
  async #try(
    source: Uint8Array,
    isWhole: boolean,
    signal: AbortSignal,
  ): Promise<ReadMail | undefined> {
    clearTimeout(this.#idle);
    const worker = this.#worker ?? (await this.#start(signal));
    worker.ref();
    const mail = await this.#ask(worker, source, isWhole, signal);
    if (mail === undefined) await this.#end(worker);
    else this.#rest(worker);
    if (signal.aborted) throw unavailable("It was stopped while a mail was read.");
    return mail;
  }

  async #start(signal: AbortSignal): Promise<Worker> {
    const worker = startWorker(this.#bounds.readingHeapMiB);
    // Its end is all that matters, and without a listener the node would end as well.
    worker.on("error", () => {});
    worker.once("exit", () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    if ((await answerOf(worker, this.#bounds.readerStartMs, signal)) !== "ready") {
      await worker.terminate();
      throw unavailable("The thread that reads mails cannot be started.");
    }
    this.#worker = worker;
    return worker;
  }

  async #ask(
    worker: Worker,
    source: Uint8Array,
    isWhole: boolean,
    signal: AbortSignal,
  ): Promise<ReadMail | undefined> {
    const task: ReadingTask = { source: new Uint8Array(source), isWhole };
    worker.postMessage(task, [task.source.buffer]);
    const answer = await answerOf(worker, this.#bounds.readingMs, signal);
    return answer === "ready" ? undefined : answer;
  }

  /** Until the next mail it keeps no process from ending. */
  #rest(worker: Worker): void {
    worker.unref();
    this.#idle = setTimeout(() => void this.#end(worker), this.#bounds.readerIdleMs).unref();
  }

  async #end(worker: Worker): Promise<void> {
    if (this.#worker === worker) this.#worker = undefined;
    await worker.terminate();
  }
}

/** The one of this process: a thread takes memory, and most mailboxes are quiet. */
export const mailReader = new MailReader(emailLimits);

/** Undefined when the thread ended, when its time is over, and when the signal aborts. */
async function answerOf(
  worker: Worker,
  limitMs: number,
  signal: AbortSignal,
): Promise<ReadingAnswer | undefined> {
  const answer = Promise.withResolvers<ReadingAnswer | undefined>();
  const giveUp = () => answer.resolve(undefined);
  const timer = setTimeout(giveUp, limitMs);
  worker.once("message", answer.resolve);
  worker.once("exit", giveUp);
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    return await answer.promise;
  } finally {
    clearTimeout(timer);
    worker.off("message", answer.resolve);
    worker.off("exit", giveUp);
    signal.removeEventListener("abort", giveUp);
  }
}

/** Errors: `channel_unavailable`. */
function startWorker(heapMiB: number): Worker {
  try {
    // Beside this file, and like it a source or built.
    const entry = new URL(`./mail-worker${extname(import.meta.url)}`, import.meta.url);
    return new Worker(entry, {
      name: "mail-reader",
      // Not those of the process: with some of them, as those of `node --eval`, no file can be run.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    });
  } catch {
    throw unavailable("The thread that reads mails cannot be started.");
  }
}

function unavailable(message: string): HoldfastError {
  return new HoldfastError("channel_unavailable", message);
}
