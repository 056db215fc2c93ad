import type { ChatAddress, SendOutcome } from "@holdfast/core";
import type { CallResult } from "./bot-api.ts";
import { telegramLimits } from "./limits.ts";

type Unsent = Exclude<CallResult, { type: "ok" }>;

/** What a send that brought no message means for its next try; `scope` is that of a 429. */
export function outcomeOf(called: Unsent, scope: "chat" | "account"): SendOutcome {
  if (called.type === "unauthorized") return { outcome: "unauthorized", reason: called.reason };
  if (called.type === "not-sent") return { outcome: "retry", reason: called.reason };
  if (called.type === "unclear") return { outcome: "unknown", reason: called.reason };

  const reason = called.description;
  if (called.code === 429) {
    const afterMs = called.retryAfterMs ?? telegramLimits.tooManyDefaultMs;
    return { outcome: "retry", reason, afterMs, scope };
  }
  // It was sent, and taken away again by Telegram's own rules.
  if (/immediately deleted/i.test(reason)) return { outcome: "failed", reason };
  if (called.code >= 500 || called.code === 409) return { outcome: "retry", reason };
  return { outcome: "failed", reason };
}

export interface ThrottleScopes {
  /** What a 429 in this chat has to hold back. */
  of(chat: ChatAddress, afterMs: number, nowMs: number): "chat" | "account";
}

/**
 * Telegram does not say whether a chat or the bot was too fast. In groups it is taken for the group, whose
 * limit is the lower one; for people the first that is refused is held back alone, and when another one is
 * refused during that time it is the bot.
 */
export function createThrottleScopes(): ThrottleScopes {
  let last: { readonly chat: string; readonly untilMs: number } | undefined;
  return {
    of(chat, afterMs, nowMs) {
      if (chat.kind !== "direct") return "chat";
      const isAnother = last !== undefined && last.untilMs > nowMs && last.chat !== chat.id;
      last = { chat: chat.id, untilMs: nowMs + afterMs };
      return isAnother ? "account" : "chat";
    },
  };
}
