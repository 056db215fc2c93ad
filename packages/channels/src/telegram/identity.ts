import { type Clock, HoldfastError } from "@holdfast/core";
import type { z } from "zod";
import { type BotApi, resultOf } from "./bot-api.ts";
import { telegramLimits } from "./limits.ts";
import { userOfBotSchema } from "./updates.ts";

export interface Identity {
  readonly id: number;
  /** Without the @. */
  readonly username: string;
}

export interface Identities {
  /** Errors: `account_unauthorized`, `channel_unavailable`. */
  get(signal: AbortSignal): Promise<Identity>;
  remember(bot: z.infer<typeof userOfBotSchema>): Identity;
}

/** Who the bot is, asked once in a while; what was known stays known when Telegram does not answer. */
export function createIdentities(api: BotApi, clock: Clock): Identities {
  let known: { readonly identity: Identity; readonly atMs: number } | undefined;

  const remember: Identities["remember"] = ({ id, username }) => {
    known = { identity: { id, username: username ?? "" }, atMs: clock.monotonic() };
    return known.identity;
  };
  return {
    remember,
    async get(signal) {
      if (known && clock.monotonic() - known.atMs < telegramLimits.identityMaxAgeMs) {
        return known.identity;
      }
      const called = await api.call("getMe", {}, { signal });
      if (called.type !== "ok" && known) return known.identity;
      const bot = userOfBotSchema.safeParse(resultOf(called)).data;
      if (bot) return remember(bot);
      throw new HoldfastError("channel_unavailable", "Telegram does not say who the bot is.");
    },
  };
}
