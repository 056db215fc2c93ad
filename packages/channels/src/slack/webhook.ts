import { HoldfastError, type WebhookAnswer, type WebhookRequest } from "@holdfast/core";
import { z } from "zod";
import { slackLimits } from "./limits.ts";
import { verifySignature } from "./signature.ts";
import { type Delivery, translate, type TranslateDependencies } from "./translate.ts";

export interface WebhookDependencies extends TranslateDependencies {
  readonly signingSecret: () => string;
}

const outer = z.looseObject({ type: z.string() });
const challenge = z.object({ challenge: z.string().max(slackLimits.challengeChars) });
const empty: WebhookAnswer = { status: 200, events: [] };

/** Events as JSON; commands, buttons and menus as forms: all at one address. */
export async function answerWebhook(
  request: WebhookRequest,
  dependencies: WebhookDependencies,
): Promise<WebhookAnswer> {
  verifySignature(request, dependencies.signingSecret(), dependencies.now());
  const text = decoded(request.body);
  const type = request.headers["content-type"] ?? "";
  if (type.toLowerCase().startsWith("application/x-www-form-urlencoded")) {
    return await answerForm(new URLSearchParams(text), dependencies);
  }
  const body = outer.safeParse(parsed(text));
  if (!body.success) throw invalid("The body tells no type.");
  switch (body.data.type) {
    case "url_verification":
      return answerChallenge(body.data);
    case "event_callback":
      return await answerDelivery({ kind: "event", payload: body.data }, dependencies);
    case "app_rate_limited":
      dependencies.report(
        new HoldfastError("channel_unavailable", "Slack holds events back: there are too many."),
        "slack webhook",
      );
      return { status: 200, events: [{ type: "ignored", what: "automatic" }] };
    default:
      return { status: 200, events: [{ type: "ignored", what: "unknown_event" }] };
  }
}

function answerChallenge(body: unknown): WebhookAnswer {
  const read = challenge.safeParse(body);
  if (!read.success) throw invalid("The challenge is missing.");
  return {
    status: 200,
    headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
    body: read.data.challenge,
    events: [],
  };
}

async function answerForm(
  form: URLSearchParams,
  dependencies: WebhookDependencies,
): Promise<WebhookAnswer> {
  if (form.has("ssl_check")) return empty;
  const payload = form.get("payload");
  if (payload !== null) {
    return await answerDelivery({ kind: "interaction", payload: parsed(payload) }, dependencies);
  }
  if (!form.has("command")) throw invalid("The form holds neither a command nor a payload.");
  return await answerDelivery({ kind: "command", payload: Object.fromEntries(form) }, dependencies);
}

/** 200 and nothing else: what the agent answers comes as a message. */
async function answerDelivery(
  delivery: Delivery,
  dependencies: WebhookDependencies,
): Promise<WebhookAnswer> {
  return { status: 200, events: await translate(delivery, dependencies) };
}

function decoded(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw invalid("The body is not UTF-8.");
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("The body is not valid JSON.");
  }
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("invalid_request", message);
}
