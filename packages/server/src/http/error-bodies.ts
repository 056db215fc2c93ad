import {
  type ErrorCode,
  errorCatalog,
  HoldfastError,
  limits,
  toHoldfastError,
} from "@holdfast/core";

/** Whatever was thrown while a request was handled, as an error of the catalog. */
export function requestError(thrown: unknown): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  const code = (thrown as { code?: unknown } | null)?.code;
  const known = typeof code === "string" ? frameworkErrors[code] : undefined;
  if (known) return new HoldfastError(known.code, known.message, { cause: thrown });
  return toHoldfastError(thrown);
}

/** The error of an `/api` address. */
export function apiErrorBody(error: HoldfastError, requestId: string) {
  return {
    error: {
      code: error.code,
      message: publicMessage(error),
      details: error.details,
      retry: error.retry,
      requestId,
    },
  };
}

/** The error of a `/v1` address, in OpenAI's shape. */
export function openAiErrorBody(error: HoldfastError) {
  return { error: openAiError(error) };
}

export function openAiError(error: HoldfastError) {
  const listed = error.details.map(({ path, message }) => (path ? `${path}: ${message}` : message));
  return {
    message: [publicMessage(error), listed.join("; ")].join(" ").trim(),
    type: openAiType(error.status),
    param: error.details[0]?.path || null,
    code: error.code,
  };
}

/** Headers that go with an error; `x-should-retry` is what OpenAI's clients obey. */
export function errorHeaders(error: HoldfastError, openAi: boolean): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.retryAfterMs !== undefined) {
    headers["retry-after"] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1_000)));
  }
  if (openAi) headers["x-should-retry"] = String(error.retry === "safe");
  return headers;
}

export function isOpenAiAddress(url: string): boolean {
  return url.startsWith("/v1/");
}

/** What a foreign error says is for the log, not for the client. */
function publicMessage(error: HoldfastError): string {
  return error.code === "internal" ? errorCatalog.internal.meaning : error.message;
}

function openAiType(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 403) return "permission_error";
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

const frameworkErrors: Record<string, { code: ErrorCode; message: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: "payload_too_large",
    message: `The body is over ${limits.requestBodyBytes} bytes.`,
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: "unsupported_media_type",
    message: "The body must have the content-type application/json.",
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: "invalid_request",
    message: "The body is not as long as its Content-Length says.",
  },
  FST_ERR_BAD_URL: { code: "not_found", message: "The address is not a well-formed URL path." },
  FST_ERR_MAX_PARAM_LENGTH: { code: "not_found", message: "A part of the address is too long." },
};
