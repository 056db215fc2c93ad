import { type AccountCheck, type AccountOptions, toHoldfastError } from "@holdfast/core";
import { z } from "zod";
import type { HttpResult } from "../http/json-client.ts";
import type { Graph } from "./graph.ts";
import { refusalOf } from "./outcome.ts";
import type { WhatsAppSettings } from "./settings.ts";

const numberSchema = z.object({
  display_phone_number: z.string().optional(),
  verified_name: z.string().optional(),
  quality_rating: z.string().optional(),
  status: z.string().optional(),
});
const errorSchema = z.object({ error: z.object({ code: z.int() }) });
/** "AuthException" and "Access token has expired", of Meta's list of error codes. */
const deadTokenCodes: ReadonlySet<number> = new Set([0, 190]);
const subscriptionsSchema = z.object({ data: z.array(z.unknown()) });

/** Asks for the phone number, and whether webhooks can come. */
export async function checkAccount(
  graph: Graph,
  options: AccountOptions<WhatsAppSettings>,
  signal: AbortSignal,
): Promise<AccountCheck> {
  const { settings } = options;
  const findings: string[] = [];
  for (const ref of [settings.accessToken, settings.appSecret, settings.verifyToken]) {
    try {
      if (options.secret(ref) === "") findings.push("A secret is empty.");
    } catch (error) {
      findings.push(toHoldfastError(error).message);
    }
  }
  if (findings.length > 0) return { ok: false, isAuthorized: false, findings };

  const fields = "display_phone_number,verified_name,quality_rating,status";
  const answer = await graph.get(settings.phoneNumberId, { fields }, signal);
  const trouble = troubleOf(answer);
  if (trouble !== undefined) {
    const isDead = answer.type === "answered" && isTokenDead(answer);
    return { ok: false, ...(isDead && { isAuthorized: false }), findings: [trouble] };
  }
  const number = numberSchema.safeParse(answer.type === "answered" ? answer.json : undefined);
  if (!number.success) return { ok: false, findings: ["The answer is not one of the Graph API."] };

  const { display_phone_number: phone, verified_name: name, quality_rating: quality } = number.data;
  if (quality === "RED" || quality === "YELLOW") {
    findings.push(`The number's quality rating is ${quality}: people block it or mark it as spam.`);
  }
  if (number.data.status !== undefined && number.data.status !== "CONNECTED") {
    findings.push(
      `The number's status is ${number.data.status}, not CONNECTED: register it at Meta.`,
    );
  }
  if (settings.businessAccountId !== undefined) {
    findings.push(...(await checkSubscription(graph, settings.businessAccountId, signal)));
  }
  const identity = [name, phone].filter((word) => word !== undefined).join(", ");
  return { ok: true, ...(identity === "" ? {} : { identity }), findings };
}

/**
 * Whether the token opens nothing any more. One that may send and may not read the number, as that takes another
 * permission, is refused with other codes.
 */
function isTokenDead(answer: Extract<HttpResult, { type: "answered" }>): boolean {
  const body = errorSchema.safeParse(answer.json);
  return body.success ? deadTokenCodes.has(body.data.error.code) : answer.status === 401;
}

async function checkSubscription(
  graph: Graph,
  businessAccountId: string,
  signal: AbortSignal,
): Promise<string[]> {
  const answer = await graph.get(`${businessAccountId}/subscribed_apps`, {}, signal);
  const trouble = troubleOf(answer);
  if (trouble !== undefined)
    return [`The business account's subscriptions are not readable. ${trouble}`];
  const apps = subscriptionsSchema.safeParse(answer.type === "answered" ? answer.json : undefined);
  if (apps.success && apps.data.data.length > 0) return [];
  return [
    "No app is subscribed to the business account, so no webhooks come: subscribe yours to `messages`.",
  ];
}

function troubleOf(answer: HttpResult): string | undefined {
  if (answer.type !== "answered") return `The Graph API does not answer. ${answer.reason}`;
  const refusal = refusalOf(answer);
  if (refusal !== undefined) return refusal.reason;
  return answer.status === 200 ? undefined : `The Graph API answered ${answer.status}.`;
}
