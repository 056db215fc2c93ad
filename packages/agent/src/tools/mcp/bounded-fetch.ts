import { limits } from "@holdfast/core";
import type { FetchLike, RequestId } from "@modelcontextprotocol/client";
import { readAtMost } from "../bounded-body.ts";
import { boundedLines } from "./bounded-lines.ts";
import { cutAnswer, keptHeadBytes } from "./oversize.ts";

/**
 * fetch for MCP over HTTP: no body and no event of a stream is ever held beyond
 * `limits.mcpMessageBytes`; the request is answered by an error that holds the beginning.
 */
export const boundedFetch: FetchLike = async (url, init) => {
  const response = await fetch(url, init);
  if (response.body === null) return response;
  const id = requestId(init?.body);
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/event-stream")) {
    return copyOf(response, response.body.pipeThrough(boundedEvents(id)));
  }
  if (!response.ok || id === undefined) {
    return copyOf(response, response.body.pipeThrough(firstBytes(limits.toolResultBytes)));
  }
  const { bytes, cut } = await readAtMost(response.body, limits.mcpMessageBytes);
  if (!cut) return copyOf(response, bytes);
  const head = Buffer.from(bytes.subarray(0, keptHeadBytes)).toString("utf8");
  return copyOf(response, JSON.stringify(cutAnswer(id, head)));
};

function copyOf(
  response: Response,
  body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | string,
): Response {
  const { status, statusText } = response;
  const headers = new Headers(response.headers);
  // The body is decoded already, and may be another one.
  headers.delete("content-encoding");
  headers.delete("content-length");
  return new Response(body, { status, statusText, headers });
}

function requestId(body: unknown): RequestId | undefined {
  if (typeof body !== "string") return undefined;
  const message: unknown = JSON.parse(body);
  if (typeof message !== "object" || message === null || !("id" in message)) return undefined;
  return typeof message.id === "string" || typeof message.id === "number" ? message.id : undefined;
}

/** Passes an event stream on line by line; a line that is too long becomes a short error event. */
function boundedEvents(id: RequestId | undefined): TransformStream<Uint8Array, Uint8Array> {
  const encoder = new TextEncoder();
  let feed: (chunk: Buffer) => void;
  return new TransformStream({
    start(controller) {
      const write = (line: string) => controller.enqueue(encoder.encode(`${line}\n`));
      const bounds = {
        lineBytes: limits.mcpMessageBytes,
        headBytes: keptHeadBytes,
        tailBytes: 1,
      };
      feed = boundedLines(bounds, {
        line: write,
        cut: (head) => {
          const answers = id !== undefined && head.startsWith("data:");
          write(answers ? `data: ${JSON.stringify(cutAnswer(id, head.slice(5)))}` : ": cut");
        },
      });
    },
    transform: (chunk) => feed(Buffer.from(chunk)),
  });
}

function firstBytes(limit: number): TransformStream<Uint8Array, Uint8Array> {
  let left = limit;
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) controller.terminate();
    },
  });
}
