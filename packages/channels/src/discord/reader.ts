import { type Clock, delay, HoldfastError } from "@holdfast/core";
import { discordLimits } from "./limits.ts";
import { outcomeOf } from "./outcome.ts";
import type { Rest, RestAnswer, RestRequest } from "./rest.ts";

/**
 * Asks until there is an answer; only for what may be repeated. The answer's status is 2xx, or 4xx with a
 * reason that stays. Errors: `account_unauthorized`, `channel_unavailable` after some tries, or when the
 * signal aborts.
 */
export type Read = (request: RestRequest, signal: AbortSignal) => Promise<RestAnswer>;

export function createRead(rest: Rest, clock: Clock): Read {
  return async (request, signal) => {
    let reason = "";
    for (let attempt = 1; attempt <= discordLimits.readAttempts && !signal.aborted; attempt += 1) {
      const answer = await rest.ask(request, signal);
      if (answer.kind === "answer" && answer.status < 300) return answer;
      const outcome = outcomeOf(answer);
      if (outcome.outcome === "unauthorized") {
        throw new HoldfastError("account_unauthorized", outcome.reason);
      }
      if (outcome.outcome === "failed" && answer.kind === "answer") return answer;
      if (outcome.outcome === "retry") {
        reason = outcome.reason;
        await delay(clock, outcome.afterMs ?? attempt * discordLimits.reconnectMinMs, signal);
      }
    }
    throw new HoldfastError("channel_unavailable", reason || "The node is stopping.");
  };
}
