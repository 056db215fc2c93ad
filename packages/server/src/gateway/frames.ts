import { toHoldfastError } from "@holdfast/core";
import { z } from "zod";
import { parseJsonBody } from "../http/json-body.ts";
import { type ErrorShape, errorShape } from "./protocol.ts";

/** A request of a client. `id` is the client's own, unique among its open requests. */
const id = z.string().min(1).max(255);
const requestFrame = z.object({
  type: z.literal("req"),
  id,
  method: z.string().min(1).max(200),
  params: z.unknown().optional(),
});
export type RequestFrame = z.infer<typeof requestFrame>;

/** A frame that is no request: `id` where it names one that can be answered. */
export interface BadFrame {
  readonly id: string | undefined;
  readonly error: ErrorShape;
}

/** Never throws: what a client sends may be anything. */
export function readFrame(data: Buffer): RequestFrame | BadFrame {
  let value: unknown;
  try {
    value = parseJsonBody(data);
  } catch (thrown) {
    // JSON that must not be taken as it is, but says which request it was.
    const isJson = ["invalid_text", "invalid_request"].includes(toHoldfastError(thrown).code);
    return { id: isJson ? idOf(parsedAgain(data)) : undefined, error: errorShape(thrown) };
  }
  const parsed = requestFrame.safeParse(value);
  if (parsed.success) return parsed.data;
  const message = `invalid request frame: ${faultsOf(parsed.error)}`;
  return { id: idOf(value), error: { code: "INVALID_REQUEST", message } };
}

function idOf(frame: unknown): string | undefined {
  return z.object({ id }).safeParse(frame).data?.id;
}

function parsedAgain(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString("utf8"));
  } catch {
    return undefined;
  }
}

export function isRequest(frame: RequestFrame | BadFrame): frame is RequestFrame {
  return "method" in frame;
}

export function faultsOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message))
    .join("; ");
}

export function answerFrame(id: string, payload: unknown): string {
  return JSON.stringify({ type: "res", id, ok: true, payload });
}

export function errorFrame(id: string, error: ErrorShape, payload?: unknown): string {
  return JSON.stringify({
    type: "res",
    id,
    ok: false,
    error,
    ...(payload !== undefined && { payload }),
  });
}

export function eventFrame(event: string, payload: unknown, seq?: number): string {
  return JSON.stringify({ type: "event", event, payload, ...(seq !== undefined && { seq }) });
}
