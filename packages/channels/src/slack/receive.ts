import { delay, HoldfastError, type Clock, type Inbound, type Random } from "@holdfast/core";
import { z } from "zod";
import type { SlackApi } from "./api.ts";
import { createEnvelopeQueue } from "./envelope-queue.ts";
import { slackLimits } from "./limits.ts";
import { describeRefusal, isUnauthorized } from "./outcome.ts";
import { type Envelope, openSocket, type SlackSocket } from "./socket.ts";
import { type Delivery, translate, type TranslateDependencies } from "./translate.ts";

export interface ReceiveDependencies extends TranslateDependencies {
  readonly api: SlackApi;
  readonly appToken: () => string;
  readonly clock: Clock;
  readonly random: Random;
}

const opened = z.object({ url: z.url({ protocol: /^wss?$/ }) });

/**
 * Socket mode. When Slack is about to end a connection the next one is up before the old one goes, and
 * the old one still carries the acknowledgements that it owes. Slack has no place to resume from: what
 * was not acknowledged it sends again, over whichever connection there is.
 */
export async function receiveOverSocket(
  dependencies: ReceiveDependencies,
  inbound: Inbound,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = dependencies;
  const ended = new AbortController();
  const queue = createEnvelopeQueue({
    ...dependencies,
    inbound,
    translate: (envelope) => translate(deliveryOf(envelope), dependencies),
  });
  const sockets = new Set<SlackSocket>();
  const stop = AbortSignal.any([signal, ended.signal]);
  const connect = async () => {
    const socket = await openNext(dependencies, (envelope) => queue.add(envelope), stop);
    sockets.add(socket);
    void socket.closed.then(() => sockets.delete(socket));
    return socket;
  };
  try {
    const running = queue.run(stop);
    // A queue that may not go on ends the connections, and its error is told.
    void running.catch(() => {}).finally(() => ended.abort());
    await keepConnected(connect, () => queue.idle(), dependencies, inbound, stop);
    await Promise.race([running, delay(clock, slackLimits.stopMs)]);
  } finally {
    ended.abort();
    for (const socket of sockets) socket.close();
  }
}

async function keepConnected(
  connect: () => Promise<SlackSocket>,
  settled: () => Promise<void>,
  { clock, random, report }: ReceiveDependencies,
  inbound: Inbound,
  signal: AbortSignal,
): Promise<void> {
  const aborted = whenAborted(signal);
  let previous: SlackSocket | undefined;
  let pauseMs: number = slackLimits.reconnectMinMs;
  while (!signal.aborted) {
    let socket: SlackSocket | undefined;
    let waitMs = pauseMs * random.next();
    try {
      socket = await connect();
      await Promise.race([socket.ready, aborted]);
      if (signal.aborted) return;
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      if (signal.aborted) return;
      if (error instanceof RetryLater) waitMs = Math.max(waitMs, error.afterMs);
      const trouble = unavailable(error);
      report(trouble, "slack socket");
      inbound.disconnected(trouble.message);
      socket?.close();
      socket = undefined;
    }
    if (socket !== undefined) {
      inbound.connected();
      retire(previous, settled, clock);
      previous = socket;
      const readyAt = clock.monotonic();
      const end = await Promise.race([socket.goingAway, socket.closed, aborted]);
      if (end === "link_disabled") throw linkDisabled();
      const lastedMs = clock.monotonic() - readyAt;
      const isGood = socket.isUsed || lastedMs >= slackLimits.connectionGoodMs;
      if (isGood) pauseMs = slackLimits.reconnectMinMs;
      waitMs = pauseMs * random.next();
      // Slack asked for it, and not all the time: the old connection is still there.
      if (end !== undefined && isGood) continue;
    }
    await delay(clock, waitMs, signal);
    pauseMs = Math.min(pauseMs * 2, slackLimits.reconnectMaxMs);
  }
}

/** Slack wants to know for some seconds yet that it took what it delivered there. */
function retire(socket: SlackSocket | undefined, settled: () => Promise<void>, clock: Clock): void {
  if (socket === undefined) return;
  void Promise.race([settled(), delay(clock, slackLimits.retireMs)]).then(() => socket.close());
}

async function openNext(
  { api, appToken, clock }: ReceiveDependencies,
  onEnvelope: (envelope: Envelope) => void,
  signal: AbortSignal,
): Promise<SlackSocket> {
  const answer = await api.call({
    token: appToken(),
    method: "apps.connections.open",
    signal,
  });
  if (answer.kind === "refused") {
    const words = describeRefusal(answer.error, answer.needed);
    if (isUnauthorized(answer.error)) throw new HoldfastError("account_unauthorized", words);
    throw new RetryLater(words);
  }
  if (answer.kind === "limited") throw new RetryLater("Slack limits the rate.", answer.afterMs);
  if (answer.kind !== "ok") throw new RetryLater(answer.reason);
  const body = opened.safeParse(answer.body);
  if (!body.success) throw new RetryLater("Slack's answer names no address of a socket.");
  return openSocket(body.data.url, clock, onEnvelope);
}

class RetryLater extends Error {
  readonly afterMs: number;

  constructor(message: string, afterMs = 0) {
    super(message);
    this.afterMs = afterMs;
  }
}

function unavailable(error: unknown): HoldfastError {
  const words = error instanceof RetryLater ? error.message : "The connection to Slack failed.";
  return new HoldfastError("channel_unavailable", words);
}

function linkDisabled(): HoldfastError {
  return new HoldfastError(
    "channel_unavailable",
    "Socket mode is switched off in the app's settings.",
  );
}

function deliveryOf({ type, payload }: Envelope): Delivery {
  if (type === "slash_commands") return { kind: "command", payload };
  return { kind: type === "interactive" ? "interaction" : "event", payload };
}

function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
