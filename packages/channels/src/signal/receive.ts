import {
  type AccountOptions,
  delay,
  type Inbound,
  type InboundEvent,
  toHoldfastError,
} from "@holdfast/core";
import type { EventSourceMessage } from "eventsource-parser";
import { backoffMs } from "./backoff.ts";
import { readStream } from "./event-stream.ts";
import { readEvent } from "./events.ts";
import { KeptCursor } from "./kept-cursor.ts";
import {
  acceptRetryMaxMs,
  acceptRetryMinMs,
  eventsPerAccept,
  lastSaveMs,
  reconnectMaxMs,
  reconnectMinMs,
} from "./limits.ts";
import type { SignalSettings } from "./settings.ts";

/**
 * Holds the daemon's stream open. Every connection asks for what came after the last event that became
 * durable here; the daemon has the last 1,000 events.
 */
export async function receiveEvents(
  options: AccountOptions<SignalSettings>,
  inbound: Inbound,
  signal: AbortSignal,
): Promise<void> {
  const cursor = new KeptCursor(inbound, options.clock);
  let failures = 0;
  while (!signal.aborted) {
    try {
      const opened = () => inbound.connected("listening to the signal-cli daemon");
      for await (const group of readStream(options, cursor.current, signal, opened)) {
        failures = 0;
        await takeGroup(group, options, inbound, cursor, signal);
        if (signal.aborted) break;
      }
    } catch (error) {
      const trouble = toHoldfastError(error);
      if (trouble.code !== "channel_unavailable") throw trouble;
      options.report(trouble, "receive");
      inbound.disconnected(trouble.message);
    }
    await Promise.race([cursor.save(), untilLate(options, signal)]);
    const pauseMs = backoffMs(failures, reconnectMinMs, reconnectMaxMs, options.random);
    failures += 1;
    await delay(options.clock, pauseMs, signal);
  }
}

async function takeGroup(
  group: readonly EventSourceMessage[],
  options: AccountOptions<SignalSettings>,
  inbound: Inbound,
  cursor: KeptCursor,
  signal: AbortSignal,
): Promise<void> {
  const received = group.filter((event) => event.event === undefined || event.event === "receive");
  const events = received.flatMap((event) => readEvent(event.data, options));
  for (let at = 0; at < events.length; at += eventsPerAccept) {
    const some = events.slice(at, at + eventsPerAccept);
    if (!(await accept(some, options, inbound, signal))) return;
  }
  const id = group.findLast((event) => event.id !== undefined)?.id;
  if (id !== undefined) await untilAborted(cursor.keep(id), signal);
}

/**
 * Holds on to events until they are durable: an older daemon without ids of events would not give them
 * again. False when the signal aborted before. Errors: `ownership_lost`.
 */
async function accept(
  events: readonly InboundEvent[],
  options: AccountOptions<SignalSettings>,
  inbound: Inbound,
  signal: AbortSignal,
): Promise<boolean> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      return await untilAborted(inbound.accept(events), signal);
    } catch (error) {
      const trouble = toHoldfastError(error);
      if (trouble.code === "ownership_lost") throw trouble;
      options.report(trouble, "receive");
      const pauseMs = backoffMs(failures, acceptRetryMinMs, acceptRetryMaxMs, options.random);
      await delay(options.clock, pauseMs, signal);
    }
  }
  return false;
}

/** True when `done` resolved, false when the signal aborted first. */
function untilAborted(done: Promise<void>, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve(false);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    done
      .then(
        () => resolve(true),
        (error: unknown) => reject(toHoldfastError(error)),
      )
      .finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Who is told to stop waits only a little for the last save; without it events are read again. */
async function untilLate(
  { clock }: AccountOptions<SignalSettings>,
  signal: AbortSignal,
): Promise<void> {
  await untilAborted(new Promise(() => {}), signal);
  await delay(clock, lastSaveMs);
}
