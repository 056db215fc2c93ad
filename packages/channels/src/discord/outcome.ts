import type { SendOutcome } from "@holdfast/core";
import { z } from "zod";
import { discordLimits } from "./limits.ts";
import type { RestAnswer, RestTrouble } from "./rest.ts";

const errorBody = z.looseObject({
  message: z.string(),
  code: z.number().optional(),
  retry_after: z.number().optional(),
  global: z.boolean().optional(),
});

const created = z.looseObject({ id: z.string() });

/** Discord's numbers for what no repetition of the same request mends, in words. */
const reasons: Readonly<Record<number, string>> = {
  10_003: "The channel does not exist any more",
  10_004: "The server does not exist any more",
  10_008: "The message does not exist any more",
  50_001: "The bot has no access to the channel",
  50_007: "The person takes no direct messages of the bot",
  50_008: "The channel takes no messages",
  50_013: "The bot lacks the permission to write there",
  50_035: "Discord refuses the message's format",
  50_083: "The thread is archived",
  160_005: "The thread is locked",
};

/** Discord does nothing of the kind now, and will again. */
const temporary: ReadonlySet<number> = new Set([40_004, 40_006, 130_000]);

/** "Cannot reply without permission to read message history." */
const replyRefused = 160_002;

/**
 * What an answer means for the message. Repeating is harmless here: every message carries a nonce that
 * Discord enforces.
 */
export function outcomeOf(answer: RestAnswer | RestTrouble): SendOutcome {
  if (answer.kind !== "answer") return { outcome: "retry", reason: answer.reason };
  const { status } = answer;
  if (status >= 200 && status < 300) {
    const message = created.safeParse(answer.body);
    return message.success
      ? { outcome: "sent", platformId: message.data.id }
      : { outcome: "retry", reason: "Discord's answer cannot be read." };
  }
  if (status === 401) {
    return { outcome: "unauthorized", reason: "Discord refuses the bot's token." };
  }
  if (status === 429) return tooMany(answer);
  if (status >= 500) {
    return {
      outcome: "retry",
      reason: `Discord answers ${status}.`,
      afterMs: discordLimits.serverErrorPauseMs,
    };
  }
  return refused(answer);
}

function tooMany(answer: RestAnswer): SendOutcome {
  const body = errorBody.safeParse(answer.body);
  const reason = "Discord asks to send less (429).";
  const header = Number(firstOf(answer.headers["retry-after"]));
  const seconds =
    (body.success ? body.data.retry_after : undefined) ??
    (Number.isFinite(header) && header > 0 ? header : discordLimits.refusedPauseMs / 1_000);
  // Without Discord's own body it is the address that is held back, and so every chat.
  const isGlobal =
    !body.success ||
    body.data.global === true ||
    firstOf(answer.headers["x-ratelimit-scope"]) === "global";
  return {
    outcome: "retry",
    reason,
    afterMs: Math.ceil(Math.max(0, seconds) * 1_000),
    scope: isGlobal ? "account" : "chat",
  };
}

function refused(answer: RestAnswer): SendOutcome {
  const body = errorBody.safeParse(answer.body);
  if (!body.success) {
    // Something before Discord refused it: a proxy, a firewall, a ban of the address.
    return {
      outcome: "retry",
      reason: `The request was refused before it reached Discord (${answer.status}).`,
      afterMs: discordLimits.refusedPauseMs,
      scope: "account",
    };
  }
  const code = body.data.code ?? 0;
  if (temporary.has(code)) {
    return { outcome: "retry", reason: `Discord takes no messages for now (code ${code}).` };
  }
  const words = reasons[code] ?? "Discord refuses the message";
  return { outcome: "failed", reason: `${words} (${answer.status}, code ${code}).` };
}

/** The message would be taken if it named none that it answers. */
export function isReplyRefused(answer: RestAnswer | RestTrouble): boolean {
  if (answer.kind !== "answer" || answer.status < 400) return false;
  return errorBody.safeParse(answer.body).data?.code === replyRefused;
}

export function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
