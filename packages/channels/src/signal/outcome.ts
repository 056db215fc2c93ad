import type { SendOutcome } from "@holdfast/core";
import { z } from "zod";
import { networkRetryMs, rateRetryMs } from "./limits.ts";
import type { RpcResult } from "./rpc.ts";

const resultsSchema = z.object({
  timestamp: z.int().positive().optional(),
  results: z
    .array(
      z.object({
        type: z.string(),
        token: z.string().nullish(),
        retryAfterSeconds: z.number().nonnegative().nullish(),
      }),
    )
    .optional(),
});
type Result = NonNullable<z.infer<typeof resultsSchema>["results"]>[number];
const errorDataSchema = z.object({ response: resultsSchema });

/** Codes of the daemon's errors: the exit codes of the command line, negated. */
const codes = { user: -1, unexpected: -2, io: -3, untrusted: -4, rate: -5, captcha: -6 } as const;
const invalidParams = -32_602;

export function sendOutcome(answer: RpcResult): SendOutcome {
  switch (answer.type) {
    case "unsent":
      return { outcome: "retry", reason: answer.reason };
    case "unknown":
      return { outcome: "unknown", reason: answer.reason };
    case "status":
      return outcomeOfStatus(answer.status);
    case "error":
      return outcomeOfError(answer);
    case "result":
      return outcomeOfResult(answer.result);
  }
}

function outcomeOfResult(result: unknown): SendOutcome {
  const parsed = resultsSchema.safeParse(result);
  const timestamp = parsed.success ? parsed.data.timestamp : undefined;
  if (!parsed.success || timestamp === undefined) {
    return { outcome: "unknown", reason: "The daemon answered without a timestamp." };
  }
  const refusal = refusalOf(parsed.data.results ?? []);
  return refusal ?? { outcome: "sent", platformId: String(timestamp) };
}

/** Undefined when somebody got it: who is offline or gone in a group does not stop the others. */
function refusalOf(results: readonly Result[]): SendOutcome | undefined {
  if (results.length === 0 || results.some((one) => one.type === "SUCCESS")) return undefined;
  const limited = results.find((one) => one.type === "RATE_LIMIT_FAILURE");
  if (limited !== undefined) return rateLimited(limited);
  if (results.some((one) => one.type === "NETWORK_FAILURE")) {
    return retry("Signal's servers could not be reached.");
  }
  const [first] = results;
  return failed(sentences[first?.type ?? ""] ?? "Signal refused the message.");
}

const sentences: Readonly<Record<string, string>> = {
  UNREGISTERED_FAILURE: "The person is not on Signal (any more).",
  IDENTITY_FAILURE:
    "The person's safety number has changed: look at it, then trust it with `signal-cli trust`.",
  INVALID_PRE_KEY_FAILURE: "The person's keys are not valid; a message of the person renews them.",
};

function outcomeOfError(error: Extract<RpcResult, { type: "error" }>): SendOutcome {
  const data = errorDataSchema.safeParse(error.data);
  const results = data.success ? (data.data.response.results ?? []) : [];
  if (results.some((one) => one.type === "SUCCESS")) {
    return outcomeOfResult(data.success ? data.data.response : undefined);
  }
  const refusal = refusalOf(results);
  if (refusal !== undefined) return refusal;
  // The daemon's text may quote the message, so only what it is about goes on.
  switch (error.code) {
    case codes.rate:
    case codes.captcha:
      return rateLimited(undefined);
    case codes.io:
      return retry("The daemon could not reach Signal's servers.");
    case codes.untrusted:
      return failed(sentences["IDENTITY_FAILURE"] ?? "");
    case codes.unexpected:
      return unexpected(error.message);
    case codes.user:
      return failed(userError(error.message));
    case invalidParams:
      if (!/account/i.test(error.message)) return failed("The daemon refuses a parameter.");
      return { outcome: "unauthorized", reason: "The daemon does not have this account." };
    default:
      if (error.code <= -32_600 && error.code !== -32_603) {
        return failed(`The daemon does not understand the request (code ${error.code}).`);
      }
      return { outcome: "unknown", reason: `The daemon failed inside (code ${error.code}).` };
  }
}

/** It may have happened after some of the work, unless there was no way to the servers at all. */
function unexpected(message: string): SendOutcome {
  if (/UnknownHost|ConnectException|NoRouteToHost/.test(message)) {
    return retry("The daemon could not reach Signal's servers.");
  }
  return { outcome: "unknown", reason: "The daemon failed while it sent." };
}

function userError(message: string): string {
  if (/not registered|unregistered/i.test(message)) return sentences["UNREGISTERED_FAILURE"] ?? "";
  if (/group/i.test(message)) return "The account is not in the group, or may not write there.";
  return "The daemon refuses the message.";
}

function rateLimited(result: Result | undefined): SendOutcome {
  const seconds = result?.retryAfterSeconds ?? undefined;
  const afterMs = seconds === undefined ? rateRetryMs : Math.max(1_000, seconds * 1_000);
  const reason =
    result?.token === undefined || result.token === null
      ? "Signal limits how much this account may send."
      : "Signal wants a captcha: see `signal-cli submitRateLimitChallenge`, or wait.";
  return { outcome: "retry", reason, afterMs, scope: "account" };
}

function outcomeOfStatus(status: number): SendOutcome {
  const reason = `The daemon's address answered ${status}.`;
  if (status === 401 || status === 403) return { outcome: "unauthorized", reason };
  if (status === 429) return { outcome: "retry", reason, afterMs: rateRetryMs, scope: "account" };
  if (status >= 300 && status < 500 && status !== 408) return retry(reason);
  return { outcome: "unknown", reason };
}

function retry(reason: string): SendOutcome {
  return { outcome: "retry", reason, afterMs: networkRetryMs };
}

function failed(reason: string): SendOutcome {
  return { outcome: "failed", reason };
}
