import type { IncomingMessage, ServerResponse } from "node:http";
import { errorBody, type GraphError } from "./errors.ts";

const slowPieces = 4;

export function refuse(response: ServerResponse, error: GraphError): void {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (error.retryAfterSeconds !== undefined)
    headers["retry-after"] = String(error.retryAfterSeconds);
  response.writeHead(error.status, headers).end(JSON.stringify(errorBody(error)));
}

export async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Uint8Array[] = [];
  for await (const part of request as AsyncIterable<Uint8Array>) parts.push(part);
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}

export async function endSlowly(response: ServerResponse, text: string, ms: number): Promise<void> {
  const size = Math.ceil(text.length / slowPieces);
  for (let at = 0; at < text.length; at += size) {
    response.write(text.slice(at, at + size));
    await new Promise((resolve) => setTimeout(resolve, ms / slowPieces));
  }
  response.end();
}
