import { type ErrorCode, errorCatalog } from "@holdfast/core";
import { z } from "zod";
import { registry } from "./schemas.ts";

const codes = Object.keys(errorCatalog) as ErrorCode[];

const apiError = z.object({
  error: z.object({
    code: z.enum(codes),
    message: z.string(),
    details: z.array(z.object({ path: z.string(), message: z.string(), line: z.int().optional() })),
    retry: z.enum(["never", "safe", "unknown-outcome"]),
    requestId: z.string(),
  }),
});
const openAiError = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.enum(codes),
  }),
});
registry.add(apiError, { id: "Error" });
registry.add(openAiError, { id: "OpenAiError" });

/** Of every route behind a token. */
const guarded: ErrorCode[] = ["unauthenticated", "rate_limited", "not_ready", "internal"];
const withBody: ErrorCode[] = [
  "invalid_json",
  "invalid_request",
  "invalid_text",
  "payload_too_large",
  "unsupported_media_type",
  "request_timeout",
];
const engine: ErrorCode[] = ["engine_unavailable", "storage_full", "append_outcome_unknown"];
const submit: ErrorCode[] = [
  ...engine,
  "agent_not_found",
  "idempotency_conflict",
  "conversation_busy",
  "agent_busy",
  "node_busy",
];
const turn: ErrorCode[] = [
  "wait_timeout",
  "model_unavailable",
  "model_rate_limited",
  "model_timeout",
  "model_rejected",
  "model_empty",
  "step_limit",
  "context_too_large",
  "provider_not_found",
  "turn_failed",
  "dead_lettered",
];

/** Which codes a kind of route can answer with. */
export const errorSets = { guarded, withBody, engine, submit, turn } as const;

/** The `response` entries of the errors, one for each status, its codes in the description. */
export function errorResponses(list: readonly ErrorCode[], shape: "api" | "openai" = "api") {
  const byStatus = new Map<number, Set<ErrorCode>>();
  for (const code of list) {
    const { status } = errorCatalog[code];
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
  }
  const schema = shape === "api" ? apiError : openAiError;
  return Object.fromEntries(
    [...byStatus].map(([status, set]) => [
      status,
      {
        description: [...set].map((code) => `\`${code}\`: ${errorCatalog[code].meaning}`).join(" "),
        content: { "application/json": { schema } },
      },
    ]),
  );
}
