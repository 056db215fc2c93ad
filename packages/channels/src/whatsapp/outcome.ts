import type { IncomingHttpHeaders } from "node:http";
import type { SendOutcome } from "@holdfast/core";
import { z } from "zod";
import type { HttpResult } from "../http/json-client.ts";
import { meaningOf } from "./error-codes.ts";
import { callsRetryMs, temporaryRetryMs } from "./limits.ts";

const sentSchema = z.object({ messages: z.array(z.object({ id: z.string().min(1) })).min(1) });
const errorSchema = z.object({
  error: z.object({ code: z.int(), is_transient: z.boolean().optional().catch(undefined) }),
});

export function sendOutcome(result: HttpResult): SendOutcome {
  if (result.type === "unsent") return { outcome: "retry", reason: result.reason };
  if (result.type === "unknown") return { outcome: "unknown", reason: result.reason };
  const refusal = refusalOf(result);
  if (refusal !== undefined) return refusal;
  const sent = sentSchema.safeParse(result.json);
  const platformId = sent.success && result.status < 300 ? sent.data.messages[0]?.id : undefined;
  if (platformId !== undefined) return { outcome: "sent", platformId };
  return { outcome: "unknown", reason: `WhatsApp answered ${result.status} without an id.` };
}

/** Undefined when the answer does not say that the request had no effect. */
export function refusalOf(
  answer: Extract<HttpResult, { type: "answered" }>,
): Exclude<SendOutcome, { outcome: "sent" | "unknown" }> | undefined {
  const { status, headers } = answer;
  const body = errorSchema.safeParse(answer.json);
  if (!body.success) return refusalOfStatus(status, headers);
  const { code, is_transient: isTransient } = body.data.error;
  const meaning = meaningOf(code) ?? unknownCode(status, isTransient === true);
  const reason = sentence(meaning.reason, code);
  if (meaning.outcome !== "retry") return { outcome: meaning.outcome, reason };
  return { ...meaning, reason, afterMs: retryAfterMs(headers) ?? meaning.afterMs };
}

/** Says what a code means; the platform's own text may quote the message or the token. */
export function sentence(meaning: string, code: number): string {
  return `WhatsApp: ${meaning} (code ${code}).`;
}

/** A body that is not Meta's comes from something in between. */
function refusalOfStatus(status: number, headers: IncomingHttpHeaders) {
  const reason = `WhatsApp answered ${status}.`;
  if (status === 401) return { outcome: "unauthorized", reason } as const;
  if (status === 429) {
    const afterMs = retryAfterMs(headers) ?? callsRetryMs;
    return { outcome: "retry", reason, afterMs, scope: "account" } as const;
  }
  if (status >= 300 && status < 500 && status !== 408) {
    return {
      outcome: "retry",
      reason,
      afterMs: retryAfterMs(headers) ?? temporaryRetryMs,
    } as const;
  }
  return undefined;
}

function unknownCode(status: number, isTransient: boolean) {
  if (status === 401 || status === 403) {
    return { outcome: "unauthorized", reason: "access is refused" } as const;
  }
  if (status === 429) {
    const reason = "too many requests";
    return { outcome: "retry", reason, afterMs: callsRetryMs, scope: "account" } as const;
  }
  if (isTransient || status >= 500) {
    return { outcome: "retry", reason: "it failed", afterMs: temporaryRetryMs } as const;
  }
  return { outcome: "failed", reason: "the message is refused" } as const;
}

function retryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const seconds = Number(headers["retry-after"] ?? "none");
  return Number.isFinite(seconds) && seconds >= 0 ? Math.ceil(seconds * 1_000) : undefined;
}
