import { type ErrorCode, errorCatalog, HoldfastError, toHoldfastError } from "@holdfast/core";

/** What the gateway speaks: version 4 of the protocol of OpenClaw's gateway, for operators. */
export const protocolVersion = 4;
/** Clients in mode `probe` may be of an older version, so that they can tell what is there. */
export const oldestProbeVersion = 3;

/** Why a connection is closed, as WebSocket codes. */
export const closeCodes = {
  restart: 1012,
  protocol: 1002,
  binary: 1003,
  policy: 1008,
  tooBig: 1009,
  overloaded: 1013,
  silent: 4000,
} as const;

export interface ErrorShape {
  readonly code: ProtocolErrorCode;
  readonly message: string;
  readonly details?: unknown;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
}

export type ProtocolErrorCode = "INVALID_REQUEST" | "UNAVAILABLE" | "AGENT_TIMEOUT" | "FORBIDDEN";

/** A refusal in the protocol's own words. */
export class ProtocolError extends Error {
  readonly shape: ErrorShape;

  constructor(shape: ErrorShape) {
    super(shape.message);
    this.shape = shape;
  }
}

export function invalidRequest(message: string, details?: unknown): ProtocolError {
  return new ProtocolError({
    code: "INVALID_REQUEST",
    message,
    ...(details !== undefined && { details }),
  });
}

export function unavailable(message: string, retryAfterMs: number): ProtocolError {
  return new ProtocolError({ code: "UNAVAILABLE", message, retryable: true, retryAfterMs });
}

/** Any thrown value as the protocol says it; Holdfast's own code stands in the details. */
export function errorShape(thrown: unknown): ErrorShape {
  if (thrown instanceof ProtocolError) return thrown.shape;
  const error = toHoldfastError(thrown);
  return shapeOf(error.code, error.message, error);
}

/** The same for a turn that failed with a code of the catalog, or with one that is not in it. */
export function failureShape(code: string, message: string, retryAfterMs?: number): ErrorShape {
  const known = Object.hasOwn(errorCatalog, code) ? (code as ErrorCode) : "turn_failed";
  return shapeOf(known, message, { ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

function shapeOf(
  code: ErrorCode,
  message: string,
  {
    details,
    retryAfterMs,
  }: { readonly details?: unknown; readonly retryAfterMs?: number | undefined },
): ErrorShape {
  const { status, retry } = errorCatalog[code];
  return {
    code: protocolCode(status),
    message: code === "internal" ? "The node met an internal error; its log says more." : message,
    details: { holdfastCode: code, ...(details !== undefined && { faults: details }) },
    ...(retry !== "never" && { retryable: true }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

function protocolCode(status: number): ProtocolErrorCode {
  if (status === 403) return "FORBIDDEN";
  if (status === 504) return "AGENT_TIMEOUT";
  return status === 429 || status >= 500 ? "UNAVAILABLE" : "INVALID_REQUEST";
}

/** The organization or agent that a session key names is not there. */
export function isNotFound(thrown: unknown): boolean {
  return thrown instanceof HoldfastError && thrown.code === "conversation_not_found";
}
