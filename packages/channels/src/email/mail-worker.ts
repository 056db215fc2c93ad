import { parentPort } from "node:worker_threads";
import { type ReadMail, readMail } from "./read-mail.ts";

/** What the thread is asked. */
export interface ReadingTask {
  readonly source: Uint8Array<ArrayBuffer>;
  readonly isWhole: boolean;
}

/** What it says: first that it is there, then one mail for each task. */
export type ReadingAnswer = "ready" | ReadMail;

// A failure ends the thread: whoever asked sees that, and so does the next one.
parentPort?.on("message", (task: ReadingTask) => void work(task));
answer("ready", []);

async function work({ source, isWhole }: ReadingTask): Promise<void> {
  const mail = await readMail(source, isWhole);
  const contents = mail.attachments.map(({ content }) => content);
  answer(
    mail,
    contents.filter((content) => content instanceof ArrayBuffer),
  );
}

function answer(words: ReadingAnswer, transferred: readonly ArrayBuffer[]): void {
  parentPort?.postMessage(words, transferred);
}
