import type { HoldfastError } from "@holdfast/core";
import { neverConnected } from "./errors.ts";
import { clientLimits } from "./limits.ts";

/**
 * What a repeat of a call does: `harmless` (reads, whole writes, messages with their key), `visible`
 * (takes effect once, but the second answer differs: a delete), `doubles` (would take effect twice).
 */
export type Repeat = "harmless" | "visible" | "doubles";

/** Whether a failed call may be sent again. */
export function mayRepeat(error: HoldfastError, repeat: Repeat): boolean {
  if (repeat === "doubles") return false;
  // A conflict needs a fresh read, and a fault of the server's own is not mended by asking again.
  if (error.code === "revision_conflict" || error.code === "internal") return false;
  // Whoever waits for an answer decides how long.
  if (error.code === "wait_timeout") return false;
  // A connection that broke in the middle may have delivered the request.
  if (error.code === "node_unreachable" && !neverConnected(error)) return repeat === "harmless";
  if (error.retry === "safe") return true;
  return error.retry === "unknown-outcome" && repeat === "harmless";
}

/**
 * Milliseconds to wait before try `attempt` + 1 (attempts count from 1), with full jitter over an
 * exponential (the "full jitter" of AWS's Exponential Backoff and Jitter); never under Retry-After.
 * Undefined when Retry-After asks for more than `clientLimits.retryAfterMaxMs`.
 */
export function retryDelayMs(
  attempt: number,
  retryAfterMs: number | undefined,
  random: () => number = Math.random,
): number | undefined {
  const ceiling = Math.min(clientLimits.retryMaxMs, clientLimits.retryMinMs * 2 ** (attempt - 1));
  const jittered = ceiling * (0.25 + 0.75 * random());
  if (retryAfterMs === undefined) return jittered;
  if (retryAfterMs > clientLimits.retryAfterMaxMs) return undefined;
  return retryAfterMs + random() * clientLimits.retryMinMs;
}

/** Resolves after the time; rejects with the signal's reason when it is aborted first. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortReason(signal));
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(abortReason(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new DOMException("Aborted", "AbortError");
}
