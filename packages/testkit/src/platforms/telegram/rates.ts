/**
 * The limits that Telegram's FAQ names for sends: 30 a second in all, one a second in a chat, 20 a minute
 * in a group. A little less than the whole window is held against the sender, since what it paces exactly
 * can arrive closer together.
 */
export interface Rates {
  /** Takes a place, or says for how many milliseconds there is none. */
  take(
    chat: number,
    isGroup: boolean,
  ): { readonly waitMs: number; readonly rule: string } | undefined;
}

const toleranceShare = 0.15;

export function createRates(speed: number, now: () => number): Rates {
  const taken = new Map<string, number[]>();
  return {
    take(chat, isGroup) {
      const rules = [
        { key: "all", count: 30, perMs: 1_000 },
        { key: `second ${chat}`, count: 1, perMs: 1_000 },
        ...(isGroup ? [{ key: `minute ${chat}`, count: 20, perMs: 60_000 }] : []),
      ];
      const nowMs = now();
      for (const { key, count, perMs } of rules) {
        const windowMs = (perMs / speed) * (1 - toleranceShare);
        const times = (taken.get(key) ?? []).filter((at) => at > nowMs - windowMs);
        taken.set(key, times);
        const first = times[0];
        if (times.length >= count && first !== undefined) {
          const rule = key === "all" ? "30 in a second" : `${count} in ${perMs} ms in one chat`;
          return { waitMs: first + perMs / speed - nowMs, rule };
        }
      }
      for (const { key } of rules) taken.get(key)?.push(nowMs);
      return undefined;
    },
  };
}
