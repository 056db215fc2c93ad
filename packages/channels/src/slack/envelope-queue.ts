import {
  type Clock,
  delay,
  HoldfastError,
  type Inbound,
  type InboundEvent,
  type Random,
  toHoldfastError,
} from "@holdfast/core";
import { slackLimits } from "./limits.ts";
import type { Envelope } from "./socket.ts";

/**
 * What came over all connections, made durable in the order in which it came, and acknowledged then.
 * One batch at a time: while one is written the next gathers.
 */
export interface EnvelopeQueue {
  add(envelope: Envelope): void;
  /** Resolves when nothing waits. */
  idle(): Promise<void>;
  /** Rejects when this node may not go on; otherwise resolves when the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface QueueDependencies {
  readonly translate: (envelope: Envelope) => Promise<readonly InboundEvent[]>;
  readonly inbound: Pick<Inbound, "accept">;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: (error: HoldfastError, where: string) => void;
}

export function createEnvelopeQueue(dependencies: QueueDependencies): EnvelopeQueue {
  const { clock, inbound, random, report, translate } = dependencies;
  const waiting: Envelope[] = [];
  let isBusy = false;
  let whenAdded = () => {};
  let whenIdle: (() => void)[] = [];

  async function accept(batch: readonly Envelope[]): Promise<void> {
    const translated = await Promise.all(batch.map(translate));
    await inbound.accept(translated.flat());
    for (const envelope of batch) envelope.acknowledge();
  }

  /** Until it is durable: Slack gives an envelope up after three redeliveries. */
  async function acceptPatiently(batch: readonly Envelope[], signal: AbortSignal): Promise<void> {
    let pauseMs: number = slackLimits.acceptRetryMinMs;
    while (!signal.aborted) {
      try {
        return await accept(batch);
      } catch (thrown) {
        const error = toHoldfastError(thrown);
        if (error.code === "ownership_lost") throw error;
        if (signal.aborted) return;
        report(error, "slack receive");
        if (error.retry === "never") return await acceptOneByOne(batch, signal);
        await delay(clock, pauseMs * (0.5 + random.next() / 2), signal);
        pauseMs = Math.min(pauseMs * 2, slackLimits.acceptRetryMaxMs);
      }
    }
  }

  /** One that is refused for good must not hold up the others; it stays unacknowledged. */
  async function acceptOneByOne(batch: readonly Envelope[], signal: AbortSignal): Promise<void> {
    if (batch.length === 1) return;
    for (const envelope of batch) await acceptPatiently([envelope], signal);
  }

  return {
    add(envelope) {
      if (waiting.length >= slackLimits.envelopesWaiting) {
        report(new HoldfastError("node_busy", "Too many events of Slack wait."), "slack receive");
        return;
      }
      waiting.push(envelope);
      whenAdded();
    },
    idle() {
      if (!isBusy && waiting.length === 0) return Promise.resolve();
      return new Promise((resolve) => whenIdle.push(resolve));
    },
    async run(signal) {
      while (!signal.aborted) {
        if (waiting.length === 0) await added(signal);
        isBusy = true;
        const batch = waiting.splice(0, slackLimits.envelopesPerBatch);
        if (batch.length > 0) await acceptPatiently(batch, signal);
        isBusy = false;
        if (waiting.length > 0) continue;
        for (const resolve of whenIdle) resolve();
        whenIdle = [];
      }
    },
  };

  function added(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        whenAdded = () => {};
        signal.removeEventListener("abort", finish);
        resolve();
      };
      whenAdded = finish;
      signal.addEventListener("abort", finish, { once: true });
    });
  }
}
