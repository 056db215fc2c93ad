import { APICallError } from "@ai-sdk/provider";
import { type ErrorCode, HoldfastError, limits } from "@holdfast/core";
import { isRecord } from "./json.ts";

const detailMaxChars = 300;

/** Worth another try at the same provider. */
export function isTransient(error: HoldfastError): boolean {
  return (
    error.code === "model_unavailable" ||
    error.code === "model_rate_limited" ||
    error.code === "model_timeout"
  );
}

/** Says that the provider itself is in trouble; a refusal or a rate limit shows that it works. */
export function countsAgainstProvider(error: HoldfastError): boolean {
  return error.code === "model_unavailable" || error.code === "model_timeout";
}

export interface FailureContext {
  /** The `provider/model`, for the message. */
  readonly title: string;
  /** Values that must not appear in a message, should the provider quote them. */
  readonly secrets: readonly string[];
  /** Milliseconds since 1970, to read Retry-After dates by. */
  readonly now: number;
}

/**
 * Whatever a provider's call threw or reported inside its stream. The original is not kept as the
 * cause: it holds the whole request, and would carry conversations into logs.
 */
export function modelFailure(thrown: unknown, context: FailureContext): HoldfastError {
  const own = ownError(thrown);
  if (own) return own;
  const detail = sayWhat(thrown, context.secrets);
  const status = statusOf(thrown);
  const code = status === undefined ? codeOfType(thrown) : codeOfStatus(status, thrown);
  const headers = APICallError.isInstance(thrown) ? thrown.responseHeaders : undefined;
  const retryAfterMs = retryAfter(headers ?? {}, context.now);
  const answered = status === undefined ? "broke off" : `answered ${status}`;
  const options = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new HoldfastError(code, `${context.title} ${answered}: ${detail}`, options);
}

/**
 * `retry-after-ms`, or `retry-after` in seconds or as an HTTP date; undefined when absent or senseless,
 * at most `limits.modelOutageMaxMs`.
 */
export function retryAfter(
  headers: Readonly<Record<string, string | undefined>>,
  now: number,
): number | undefined {
  const milliseconds = asPositive(headers["retry-after-ms"]);
  const value = headers["retry-after"]?.trim() ?? "";
  const seconds = asPositive(value);
  // Date.parse takes nearly anything with a digit; a date of HTTP names its month.
  const date = /[a-z]{3}/i.test(value) ? Date.parse(value) : Number.NaN;
  const wait = milliseconds ?? (seconds === undefined ? date - now : seconds * 1_000);
  if (Number.isNaN(wait)) return undefined;
  return Math.ceil(Math.min(limits.modelOutageMaxMs, Math.max(0, wait)));
}

function asPositive(value: string | undefined): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  const number = Number(text);
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}

function codeOfStatus(status: number, thrown: unknown): ErrorCode {
  if (status === 429) return "model_rate_limited";
  if (status === 404) return "model_not_found";
  if (status === 408 || status === 425 || status >= 500) return "model_unavailable";
  if (status === 409 && /overload|try again|retry/i.test(bodyOf(thrown)))
    return "model_unavailable";
  return "model_rejected";
}

/** Errors without a status: of the network, of the stream's format, or reported inside the stream. */
function codeOfType(thrown: unknown): ErrorCode {
  const type = isRecord(thrown)
    ? [thrown.type, thrown.code].filter((word) => typeof word === "string").join(" ")
    : "";
  if (/rate_limit/.test(type)) return "model_rate_limited";
  if (/not_found/.test(type)) return "model_not_found";
  if (/invalid|authentication|permission|billing|quota|context_length|too_large/.test(type)) {
    return "model_rejected";
  }
  return "model_unavailable";
}

/** The status of a refusal; the SDK also puts 200 on answers that broke off later. */
function statusOf(thrown: unknown): number | undefined {
  if (!isRecord(thrown)) return undefined;
  const status = thrown.statusCode;
  return typeof status === "number" && status >= 300 ? status : undefined;
}

/** The SDK wraps what our own `fetch` throws while a stream is read. */
function ownError(thrown: unknown): HoldfastError | undefined {
  if (thrown instanceof HoldfastError) return thrown;
  return thrown instanceof Error && thrown.cause !== undefined ? ownError(thrown.cause) : undefined;
}

function bodyOf(thrown: unknown): string {
  return APICallError.isInstance(thrown) ? (thrown.responseBody ?? "") : "";
}

function sayWhat(thrown: unknown, secrets: readonly string[]): string {
  let text = messagesOf(thrown).join(": ") || "no reason given";
  for (const secret of secrets) text = text.replaceAll(secret, "***");
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > detailMaxChars ? `${line.slice(0, detailMaxChars)}…` : line;
}

/** The message and those of its causes, where the network's own words stand. */
function messagesOf(thrown: unknown): string[] {
  if (typeof thrown === "string") return [thrown];
  if (!isRecord(thrown) || typeof thrown.message !== "string") return [];
  const below = thrown.cause === undefined ? [] : messagesOf(thrown.cause);
  return [thrown.message, ...below.filter((text) => !String(thrown.message).includes(text))];
}
