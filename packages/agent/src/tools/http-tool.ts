import {
  type Clock,
  HoldfastError,
  limits,
  type ToolCallContext,
  type ToolResult,
  type ToolSpec,
} from "@holdfast/core";
import { type Environment, resolveValues } from "../secrets.ts";
import { readAtMost } from "./bounded-body.ts";
import { type Deadline, withDeadline } from "./deadline.ts";
import { fetchWithinOrigin } from "./http-fetch.ts";
import { addToQuery, type FilledUrl, type UrlTemplate, urlTemplate } from "./http-url.ts";
import { type Redact, redactionMargin, redactor } from "./redact.ts";
import { cutText, failed, succeeded, tooLarge } from "./results.ts";
import type { BoundTool, ToolArguments } from "./tool-source.ts";

export type HttpToolSpec = Extract<ToolSpec, { type: "http" }>;

export interface HttpToolOptions {
  readonly clock: Clock;
  readonly env: Environment;
}

/** A tool that is one HTTP call. Without a `method` it is a GET. */
export function createHttpTool(
  spec: HttpToolSpec,
  options: HttpToolOptions,
): BoundTool | { readonly fault: string } {
  const template = urlTemplate(spec.url);
  if ("fault" in template) return { fault: `Tool ${spec.name} is left out: ${template.fault}.` };
  return {
    descriptor: {
      name: spec.name,
      description: spec.description,
      parameters: spec.parameters,
      idempotent: spec.idempotent ?? methodOf(spec) === "GET",
    },
    onBrokenSchema: "refuse",
    run: (args, context) => run(spec, template, args, context, options),
  };
}

const methodOf = (spec: HttpToolSpec) => spec.method ?? "GET";

async function run(
  spec: HttpToolSpec,
  template: UrlTemplate,
  args: ToolArguments,
  context: ToolCallContext,
  options: HttpToolOptions,
): Promise<ToolResult> {
  const filled = template.fill(args);
  if ("fault" in filled) return failed("tool_arguments_invalid", filled.fault);
  let headers: Record<string, string>;
  try {
    headers = resolveValues(spec.headers, options.env, undefined, "tool_unavailable");
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return failed("tool_unavailable", error.message);
  }
  const secrets = Object.entries(spec.headers ?? {}).flatMap(([name, value]) =>
    typeof value === "string" ? [] : [headers[name] ?? ""],
  );
  const timeoutMs = spec.timeoutMs ?? limits.toolTimeoutMs;
  const deadline = withDeadline(options.clock, timeoutMs, context.signal);
  try {
    const request = requestOf(spec, filled, headers, context, deadline.signal);
    const response = await fetchWithinOrigin(filled.url, request);
    return await resultOf(response, redactor(secrets), redactionMargin(secrets));
  } catch (error) {
    context.signal.throwIfAborted();
    return failureOf(error, spec, deadline, timeoutMs, template.origin);
  } finally {
    deadline.end();
  }
}

function requestOf(
  spec: HttpToolSpec,
  filled: FilledUrl,
  declared: Record<string, string>,
  context: ToolCallContext,
  signal: AbortSignal,
): RequestInit {
  const method = methodOf(spec);
  const headers = new Headers({ accept: "application/json, text/*;q=0.9, */*;q=0.1" });
  headers.set("user-agent", "holdfast");
  for (const [name, value] of Object.entries(declared)) setHeader(headers, name, value);
  headers.set("idempotency-key", context.idempotencyKey);
  const init: RequestInit = { method, headers, signal };
  if (method === "GET" || method === "DELETE") {
    addToQuery(filled.url, filled.rest);
    return init;
  }
  if (!headers.has("content-type")) headers.set("content-type", "application/json");
  return { ...init, body: JSON.stringify(filled.rest) };
}

/** The runtime's own error would quote the value. */
function setHeader(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value);
  } catch {
    const why = `The declared header ${JSON.stringify(name)} is not a valid HTTP header.`;
    throw new HoldfastError("tool_unavailable", why);
  }
}

/** How much of an error's body the model reads. */
const errorBodyBytes = 4 * 1024;

async function resultOf(response: Response, redact: Redact, margin: number): Promise<ToolResult> {
  const { bytes, cut } = await readAtMost(response.body, limits.toolResultBytes + margin);
  const type = response.headers.get("content-type") ?? "";
  const readable = isText(type, bytes);
  const text = readable ? redact(Buffer.from(bytes).toString("utf8")) : describeBinary(type, bytes);
  if (!response.ok) {
    const beginning = cutText(text, errorBodyBytes);
    const status = `HTTP ${response.status} ${redact(response.statusText)}`.trimEnd();
    return failed("tool_failed", beginning === "" ? status : `${status}\n${beginning}`);
  }
  if (cut && readable) return tooLarge(text);
  return succeeded(text === "" ? `HTTP ${response.status}, no content` : text);
}

function isText(type: string, bytes: Uint8Array): boolean {
  if (/^text\/|[/+](?:json|xml|yaml|javascript|x-www-form-urlencoded|x-ndjson)\b/i.test(type)) {
    return true;
  }
  return type === "" && !bytes.includes(0);
}

const describeBinary = (type: string, bytes: Uint8Array) =>
  `[${bytes.length} bytes or more of ${type || "unknown type"}, which is not text]`;

function failureOf(
  error: unknown,
  spec: HttpToolSpec,
  deadline: Deadline,
  timeoutMs: number,
  origin: string,
): ToolResult {
  const code = networkCode(error);
  if (deadline.expired() || code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT") {
    return failed("tool_timeout", `${spec.name} did not answer within ${timeoutMs} ms.`);
  }
  if (error instanceof HoldfastError) return failed(error.code, error.message);
  const where = `${spec.name}: ${origin}`;
  if (neverSent.has(code)) return failed("tool_unavailable", `${where} is not reached (${code}).`);
  const safe = spec.idempotent ?? methodOf(spec) === "GET";
  if (safe) return failed("tool_unavailable", `${where} broke the connection (${code}).`);
  const why = `${where} broke the connection (${code}); whether it did its work is unknown.`;
  return failed("tool_outcome_unknown", why);
}

/** With these the request never got out, so nothing took effect. */
const neverSent: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** The code behind fetch's "fetch failed". Never its message, which may quote a header. */
function networkCode(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const first = cause instanceof AggregateError ? cause.errors[0] : cause;
  if (typeof first !== "object" || first === null) return "unknown";
  if ("code" in first && typeof first.code === "string") return first.code;
  return first instanceof Error ? first.name : "unknown";
}
