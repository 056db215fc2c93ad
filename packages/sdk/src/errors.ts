import { type ErrorCode, type ErrorDetail, errorCatalog, HoldfastError } from "@holdfast/core";

/** The error that a response stands for; its body need not be one of ours (a proxy's page). */
export function errorFromResponse(response: Response, bodyText: string): HoldfastError {
  const retryAfterMs = retryAfter(response.headers.get("retry-after"));
  const body = errorBody(bodyText);
  const options = {
    details: body?.details ?? [],
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  if (body && isErrorCode(body.code)) return new HoldfastError(body.code, body.message, options);
  const code = codeOfStatus(response.status);
  // A newer server may know codes that this client does not: keep its words.
  const message = body
    ? `${body.message} (${body.code})`
    : `The server answered ${response.status}.`;
  return new HoldfastError(code, message, options);
}

/** The error that an event stream ends with; its data has the shape of an error's body. */
export function errorFromEvent(data: string): HoldfastError {
  const body = errorBody(data);
  if (!body)
    return new HoldfastError("node_unreachable", "the stream ended with an unreadable error");
  const code = isErrorCode(body.code) ? body.code : "internal";
  return new HoldfastError(code, body.message, { details: body.details });
}

/** The error for a request that got no response. */
export function errorFromNetwork(thrown: unknown, url: string): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  const reason = deepestMessage(thrown);
  return new HoldfastError("node_unreachable", `No node answers at ${url}: ${reason}.`, {
    cause: thrown,
  });
}

/** True when the request never reached the node, so that nothing can have taken effect. */
export function neverConnected(error: HoldfastError): boolean {
  for (let at: unknown = error.cause; at instanceof Error; at = at.cause) {
    const code = "code" in at ? String(at.code) : "";
    if (connectFailures.has(code)) return true;
  }
  return false;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalog, code);
}

const connectFailures = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly details: readonly ErrorDetail[];
}

function errorBody(text: string): ErrorBody | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined; // Not our body: the caller goes by the status.
  }
  const error = isRecord(parsed) ? parsed.error : undefined;
  if (!isRecord(error)) return undefined;
  if (typeof error.code !== "string" || typeof error.message !== "string") return undefined;
  const details = Array.isArray(error.details) ? error.details.filter(isDetail) : [];
  return { code: error.code, message: error.message, details };
}

function isDetail(value: unknown): value is ErrorDetail {
  return isRecord(value) && typeof value.path === "string" && typeof value.message === "string";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Retry-After holds seconds or a date (RFC 9110, section 10.2.3). */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1_000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

function codeOfStatus(status: number): ErrorCode {
  const known: Record<number, ErrorCode> = {
    400: "invalid_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "payload_too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    502: "node_unreachable",
    503: "not_ready",
    504: "node_unreachable",
    507: "storage_full",
  };
  return known[status] ?? "internal";
}

function deepestMessage(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if (thrown.cause !== undefined) return deepestMessage(thrown.cause);
  // An AggregateError of several addresses has no message of its own.
  if (thrown instanceof AggregateError && thrown.errors.length > 0) {
    return deepestMessage(thrown.errors[0]);
  }
  return thrown.message || thrown.name;
}
