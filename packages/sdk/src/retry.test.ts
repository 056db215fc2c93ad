import { type ErrorCode, HoldfastError } from "@holdfast/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { clientLimits } from "./limits.ts";
import { mayRepeat, pause, type Repeat, retryDelayMs } from "./retry.ts";

const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
const neverSent = new HoldfastError("node_unreachable", "No.", { cause: refused });
const broken = new HoldfastError("node_unreachable", "No.", { cause: new Error("socket closed") });
const of = (code: ErrorCode) => new HoldfastError(code, "No.");

it.each<[HoldfastError, Record<Repeat, boolean>]>([
  [of("rate_limited"), { harmless: true, visible: true, doubles: false }],
  [of("append_outcome_unknown"), { harmless: true, visible: false, doubles: false }],
  [neverSent, { harmless: true, visible: true, doubles: false }],
  [broken, { harmless: true, visible: false, doubles: false }],
  [of("invalid_request"), { harmless: false, visible: false, doubles: false }],
  [of("revision_conflict"), { harmless: false, visible: false, doubles: false }],
  [of("internal"), { harmless: false, visible: false, doubles: false }],
  [of("wait_timeout"), { harmless: false, visible: false, doubles: false }],
])("%s is repeated only where that cannot do harm", (error, expected) => {
  for (const repeat of ["harmless", "visible", "doubles"] as const) {
    expect(mayRepeat(error, repeat)).toBe(expected[repeat]);
  }
});

it("waits between a quarter and the whole of a rising, bounded time, never under Retry-After", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.option(fc.integer({ min: 0, max: clientLimits.retryAfterMaxMs }), { nil: undefined }),
      (attempt, chance, retryAfterMs) => {
        const delayMs = retryDelayMs(attempt, retryAfterMs, () => chance);
        expect(delayMs).toBeGreaterThanOrEqual(retryAfterMs ?? clientLimits.retryMinMs / 4);
        const most = clientLimits.retryMaxMs + clientLimits.retryAfterMaxMs;
        expect(delayMs).toBeLessThanOrEqual(most);
      },
    ),
  );
  expect(retryDelayMs(1, clientLimits.retryAfterMaxMs + 1)).toBeUndefined();
});

it("ends a pause when its signal is aborted, before or meanwhile", async () => {
  await expect(pause(60_000, AbortSignal.abort(new Error("over")))).rejects.toThrow("over");
  const stop = new AbortController();
  const pausing = pause(60_000, stop.signal);
  stop.abort(new Error("enough"));
  await expect(pausing).rejects.toThrow("enough");
});
