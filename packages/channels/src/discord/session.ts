import { type Clock, delay, type Inbound, type InboundEvent } from "@holdfast/core";
import type { Dispatches, Taken } from "./dispatches.ts";
import { connectGateway, type Dispatch, type GatewayOptions } from "./gateway.ts";
import type { GatewayEnd } from "./gateway-end.ts";
import { discordLimits } from "./limits.ts";
import type { Progress } from "./progress.ts";

export interface SessionOptions {
  readonly connection: Omit<GatewayOptions, "onDispatch" | "resume">;
  readonly dispatches: Dispatches;
  readonly inbound: Inbound;
  readonly progress: Progress;
  /** The progress has changed. */
  readonly onProgress: () => void;
  readonly clock: Clock;
}

/**
 * Runs one connection until it ends or the signal aborts. Dispatches are handled in their order, and the
 * session's number moves only behind what `accept` made durable. Errors: those of `accept` and of fetching,
 * after which the connection is closed and everything that is not durable comes again.
 */
export async function runSession(
  options: SessionOptions,
  signal: AbortSignal,
): Promise<GatewayEnd> {
  const { dispatches, inbound, progress } = options;
  const resume = progress.session;
  let waiting: Dispatch[] = [];
  let chars = 0;
  let working: Promise<void> | undefined;
  const failed = Promise.withResolvers<never>();
  // Nobody may be listening any more when it fails.
  failed.promise.catch(() => {});

  const finish = async (taken: readonly Dispatch[], done: readonly Taken["done"][]) => {
    for (const run of done) await run();
    const last = taken.at(-1);
    if (last !== undefined && progress.session !== undefined) progress.session.seq = last.seq;
    options.onProgress();
  };

  const work = async () => {
    while (waiting.length > 0 && !signal.aborted) {
      const batch = takeBatch(waiting, dispatches);
      waiting = waiting.slice(batch.length);
      const events: InboundEvent[] = [];
      const done: Taken["done"][] = [];
      for (const dispatch of batch) {
        const taken = await dispatches.take(dispatch, signal);
        events.push(...taken.events);
        done.push(taken.done);
      }
      // What was cut short by the end is not done.
      if (signal.aborted) return;
      if (events.length > 0) await inbound.accept(events);
      chars -= batch.reduce((sum, dispatch) => sum + dispatch.chars, 0);
      await finish(batch, done);
    }
  };

  const gateway = connectGateway({
    ...options.connection,
    resume: resume === undefined ? undefined : { id: resume.id, seq: resume.seq },
    onDispatch(dispatch) {
      waiting.push(dispatch);
      chars += dispatch.chars;
      if (waiting.length > discordLimits.waitingDispatches || chars > discordLimits.waitingChars) {
        gateway.close("More came from the gateway than could be made durable.");
      }
      working ??= work().then(
        () => {
          working = undefined;
        },
        (error: unknown) => failed.reject(error),
      );
    },
  });

  const aborted = whenAborted(signal);
  try {
    const end = await Promise.race([gateway.ended, failed.promise, aborted.promise]);
    // What came before the end would only come again after resuming.
    const isLate = aborted.promise.then(() => delay(options.clock, discordLimits.endGraceMs));
    await Promise.race([working ?? Promise.resolve(), failed.promise, isLate]);
    return end;
  } finally {
    aborted.dispose();
    gateway.close("The receiver ends.");
    waiting = [];
  }
}

function whenAborted(signal: AbortSignal): { promise: Promise<GatewayEnd>; dispose: () => void } {
  const { promise, resolve } = Promise.withResolvers<GatewayEnd>();
  const end = () => resolve({ kind: "lost", reason: "The receiver ends." });
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  return { promise, dispose: () => signal.removeEventListener("abort", end) };
}

function takeBatch(waiting: readonly Dispatch[], dispatches: Dispatches): readonly Dispatch[] {
  const alone = waiting
    .slice(0, discordLimits.batch)
    .findIndex((dispatch) => dispatches.isAlone(dispatch));
  if (alone === 0) return waiting.slice(0, 1);
  return waiting.slice(0, alone < 0 ? discordLimits.batch : alone);
}
