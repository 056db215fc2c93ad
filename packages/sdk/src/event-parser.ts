import { HoldfastError } from "@holdfast/core";
import { clientLimits } from "./limits.ts";

/** One event of a `text/event-stream`. */
export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
  /** The last id that the stream has named so far, as the standard wants it. */
  readonly id: string | undefined;
}

/**
 * Takes the text of an event stream piece by piece and gives the events that are complete, after the
 * HTML standard's section 9.2.6. Comments (heartbeats) give nothing. Errors: `payload_too_large`.
 */
export function createEventParser(): (piece: string) => ServerSentEvent[] {
  let buffered = "";
  let event = "";
  let data: string[] = [];
  let dataLength = 0;
  let id: string | undefined;
  let first = true;

  const takeLine = (line: string): ServerSentEvent | undefined => {
    if (line === "") {
      const complete =
        data.length > 0 ? { event: event || "message", data: data.join("\n"), id } : undefined;
      event = "";
      data = [];
      dataLength = 0;
      return complete;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "event") event = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "data") {
      data.push(value);
      dataLength += value.length;
    }
    return undefined;
  };

  return (piece) => {
    // A BOM may begin the stream; it is no part of the first line.
    buffered += first && piece.startsWith("\uFEFF") ? piece.slice(1) : piece;
    if (piece !== "") first = false;
    const events: ServerSentEvent[] = [];
    let start = 0;
    // A CR at the very end may be half of a CR LF: it waits for the next piece.
    for (const found of buffered.matchAll(/\r\n|\n|\r(?!$)/g)) {
      const complete = takeLine(buffered.slice(start, found.index));
      if (complete) events.push(complete);
      start = found.index + found[0].length;
    }
    buffered = buffered.slice(start);
    if (buffered.length + dataLength > clientLimits.eventBytes) {
      throw new HoldfastError("payload_too_large", "An event of the stream is over its limit.");
    }
    return events;
  };
}
