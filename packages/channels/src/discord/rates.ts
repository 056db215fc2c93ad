import type { Clock } from "@holdfast/core";
import { discordLimits } from "./limits.ts";
import { setNewest } from "./lru.ts";
import { firstOf } from "./outcome.ts";
import type { RestAnswer, RestTrouble } from "./rest.ts";

export interface Rates {
  /** How long nothing can be sent there; zero when something can. */
  waitMs(channel: string): number;
  /** Discord says with each answer how much of the chat's rate is left. */
  note(channel: string, answer: RestAnswer | RestTrouble): void;
}

/** Holds back what Discord would refuse: too many refused requests get the whole address banned. */
export function createRates(clock: Clock): Rates {
  const freeAt = new Map<string, number>();
  return {
    waitMs(channel) {
      const at = freeAt.get(channel);
      if (at === undefined) return 0;
      const left = at - clock.monotonic();
      if (left <= 0) freeAt.delete(channel);
      return Math.max(0, Math.ceil(left));
    },
    note(channel, answer) {
      if (answer.kind !== "answer") return;
      const seconds = Number(firstOf(answer.headers["x-ratelimit-reset-after"]));
      if (firstOf(answer.headers["x-ratelimit-remaining"]) !== "0" || !(seconds > 0)) return;
      const at = clock.monotonic() + seconds * 1_000;
      setNewest(freeAt, channel, at, discordLimits.fullBuckets);
    },
  };
}
