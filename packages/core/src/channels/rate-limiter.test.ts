import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RateLimiter } from "./rate-limiter.ts";

const rates = {
  account: [{ count: 5, perMs: 1_000 }],
  direct: [{ count: 1, perMs: 1_000 }],
  group: [
    { count: 1, perMs: 500 },
    { count: 4, perMs: 10_000 },
  ],
};

/** One whose last owner was long ago. */
function freshLimiter(now = 0): RateLimiter {
  return new RateLimiter(rates, now - 10_000);
}

/** The most that any window holds. */
function fullest(times: readonly number[], perMs: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return Math.max(
    0,
    ...sorted.map((start) => sorted.filter((at) => at >= start && at < start + perMs).length),
  );
}

describe("an account's sends", () => {
  test("are counted from the first one on, whatever the clock shows", () => {
    const now = 10_000_000;
    const limiter = freshLimiter(now);
    const chat = { chat: "quiet", isGroup: true, sentAgoMs: [] };
    expect(limiter.request(chat, now)).toEqual({ grantedAfterMs: 0 });
    expect(limiter.request(chat, now)).not.toEqual({ grantedAfterMs: 0 });
  });

  test("never are more than a window holds, whoever asks and however long each send takes", () => {
    const step = fc.record({
      chat: fc.constantFrom("a", "b", "c", "d"),
      isGroup: fc.constant(false),
      pauseMs: fc.nat(400),
      tookMs: fc.nat(300),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const limiter = freshLimiter();
        const granted: number[] = [];
        const done = new Map<string, number[]>();
        let now = 0;
        for (const { chat, isGroup, pauseMs, tookMs } of steps) {
          now += pauseMs;
          for (;;) {
            const own = done.get(chat) ?? [];
            const answer = limiter.request(
              { chat, isGroup, sentAgoMs: own.map((at) => now - at) },
              now,
            );
            if ("askAfterMs" in answer) {
              now += answer.askAfterMs;
              continue;
            }
            now += answer.grantedAfterMs;
            granted.push(now);
            // The next one of the conversation is asked for when this one is done.
            now += tookMs;
            done.set(chat, [...own, now]);
            break;
          }
        }
        expect(fullest(granted, 1_000)).toBeLessThanOrEqual(5);
        for (const own of done.values()) expect(fullest(own, 1_000)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("keep all of several rates", () => {
    const limiter = freshLimiter();
    const granted: number[] = [];
    let now = 0;
    while (granted.length < 8) {
      const answer = limiter.request({ chat: "g", isGroup: true, sentAgoMs: [] }, now);
      if ("askAfterMs" in answer) now += answer.askAfterMs;
      else {
        now += answer.grantedAfterMs;
        granted.push(now);
      }
    }
    expect(fullest(granted, 500)).toBe(1);
    expect(fullest(granted, 10_000)).toBe(4);
  });

  test("are not held back when there is room", () => {
    const limiter = freshLimiter();
    expect(limiter.request({ chat: "a", isGroup: false, sentAgoMs: [] }, 0)).toEqual({
      grantedAfterMs: 0,
    });
    expect(limiter.request({ chat: "b", isGroup: false, sentAgoMs: [] }, 0)).toEqual({
      grantedAfterMs: 0,
    });
  });

  test("what the last owner let through is told by the conversations, and counts", () => {
    const limiter = new RateLimiter(rates, 100_000);
    const first = limiter.request({ chat: "a", isGroup: false, sentAgoMs: [100] }, 100_000);
    // The last owner may have let a whole window through, and that ahead of time.
    expect(first).toEqual({ askAfterMs: 2_100 });
    const group = limiter.request(
      { chat: "g", isGroup: true, sentAgoMs: [9_000, 8_000, 7_000, 6_000] },
      104_000,
    );
    expect(group).toEqual({ grantedAfterMs: 1_550 });
  });

  test("of a time before this process began count, too", () => {
    const limiter = freshLimiter(100);
    const request = { chat: "a", isGroup: false, sentAgoMs: [90_000, 5_000] };
    expect(limiter.request(request, 100)).toEqual({ grantedAfterMs: 0 });
    expect(limiter.request({ ...request, sentAgoMs: [90_000, 5_000, 0] }, 200)).toEqual({
      grantedAfterMs: 1_100,
    });
  });

  test("wait as long as the platform asked, for one chat or for all", () => {
    const limiter = freshLimiter();
    limiter.pause("a", 1_500, 0);
    expect(limiter.request({ chat: "a", isGroup: false, sentAgoMs: [] }, 0)).toEqual({
      grantedAfterMs: 1_500,
    });
    expect(limiter.request({ chat: "b", isGroup: false, sentAgoMs: [] }, 0)).toEqual({
      grantedAfterMs: 0,
    });
    limiter.pause(undefined, 60_000, 0);
    expect(limiter.request({ chat: "c", isGroup: false, sentAgoMs: [] }, 0)).toEqual({
      askAfterMs: 10_000,
    });
  });
});
