import type { Stream } from "./terminal.ts";

/** Prints items as one JSON array, each as it comes: a long list is never in memory as a whole. */
export async function printJsonArray(stream: Stream, items: AsyncIterable<unknown>): Promise<void> {
  let separator = "[\n";
  for await (const item of items) {
    const text = JSON.stringify(item, null, 2).replace(/^/gm, "  ");
    stream.write(separator + text);
    separator = ",\n";
  }
  stream.write(separator === "[\n" ? "[]\n" : "\n]\n");
}
