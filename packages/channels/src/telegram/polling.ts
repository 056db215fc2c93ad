import {
  type AccountOptions,
  delay,
  HoldfastError,
  type Inbound,
  type InboundEvent,
  toHoldfastError,
} from "@holdfast/core";
import { type BotApi, resultOf } from "./bot-api.ts";
import { type Backoff, createBackoff } from "./backoff.ts";
import { eventOf, readUpdate } from "./events.ts";
import type { Identities } from "./identity.ts";
import { telegramLimits } from "./limits.ts";
import type { Settings } from "./settings.ts";
import { allowedUpdates } from "./updates.ts";

interface Poll {
  readonly options: AccountOptions<Settings>;
  readonly api: BotApi;
  readonly identities: Identities;
  readonly inbound: Inbound;
  readonly signal: AbortSignal;
}

interface Progress {
  /**
   * Everything before it is durable here. It is told to Telegram with the next question and forgotten when
   * that was answered: Telegram keeps it from then on, and after a quiet week it numbers updates anew, when an
   * old offset, also one kept for the next owner, would silently drop the new ones.
   */
  offset: number | undefined;
  /** The last question was answered: the next one is held open. */
  isAnswered: boolean;
  /** As operators were told. */
  isConnected: boolean;
  /** Questions that another one ended, since none came for the whole time of a question. */
  conflicts: number;
  /** Operators know of the present outage. */
  isReported: boolean;
}

/** The first may be due to the owner before this one; from this one on operators know. */
const conflictsTold = 2;

/**
 * Asks for updates until the signal aborts. An update is confirmed, by the next question, only after it was
 * accepted; until then Telegram gives it to whoever asks. Errors: `account_unauthorized`, `ownership_lost`.
 */
export async function poll(parts: Poll): Promise<void> {
  const { options, signal } = parts;
  const backoff = createBackoff(options.clock, options.random);
  const progress: Progress = {
    offset: undefined,
    isAnswered: false,
    isConnected: false,
    conflicts: 0,
    isReported: false,
  };
  let hasWebhook = true;
  while (!signal.aborted) {
    try {
      if (hasWebhook) {
        await removeWebhook(parts);
        hasWebhook = false;
      }
      const isWebhookInTheWay = await pollOnce(parts, progress, backoff);
      hasWebhook = isWebhookInTheWay;
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toHoldfastError(thrown);
      if (error.code === "account_unauthorized" || error.code === "ownership_lost") throw error;
      progress.isAnswered = false;
      progress.isConnected = false;
      if (!progress.isReported) options.report(error, "telegram polling");
      parts.inbound.disconnected(error.message);
      progress.isReported = true;
      await backoff.wait(signal, error.retryAfterMs);
    }
  }
}

/** What waits is kept: it comes with the first answer. */
async function removeWebhook({ api, signal }: Poll): Promise<void> {
  resultOf(await api.call("deleteWebhook", { drop_pending_updates: false }, { signal }));
}

/** One question. True when a webhook, registered by somebody else meanwhile, keeps the updates from it. */
async function pollOnce(parts: Poll, progress: Progress, backoff: Backoff): Promise<boolean> {
  const { options, api, inbound, signal } = parts;
  // The first question only finds out whether there is an answer.
  const timeout = progress.isAnswered ? telegramLimits.pollSeconds : 0;
  const startedMs = options.clock.monotonic();
  const called = await api.call(
    "getUpdates",
    {
      ...(progress.offset === undefined ? {} : { offset: progress.offset }),
      limit: telegramLimits.pollUpdates,
      timeout,
      allowed_updates: allowedUpdates,
    },
    {
      signal,
      timeLimitMs: timeout * 1_000 + telegramLimits.requestTimeoutMs,
      answerBytesMax: telegramLimits.pollAnswerBytes,
    },
  );
  if (signal.aborted) return false;
  if (called.type === "refused" && called.code === 409) {
    return await waitForOther(parts, progress, backoff, called.description);
  }
  const updates = resultOf(called);
  if (!Array.isArray(updates)) {
    throw new HoldfastError("channel_unavailable", "Telegram's answer holds no list of updates.");
  }
  progress.offset = undefined;
  progress.isAnswered = true;
  // Telegram ends only questions that it holds open: an answer at once says nothing of other programs.
  const isAlone = timeout > 0 || progress.conflicts < conflictsTold;
  if (isAlone && !progress.isConnected) {
    inbound.connected("polling");
    progress.isConnected = true;
  }
  // One with updates may have come before the other program asked.
  if (timeout > 0 && updates.length === 0) progress.conflicts = 0;

  const last = await accept(parts, updates);
  if (last !== undefined) progress.offset = last + 1;
  backoff.reset();
  progress.isReported = false;
  const tookMs = options.clock.monotonic() - startedMs;
  if (updates.length === 0 && timeout > 0 && tookMs < telegramLimits.pollEmptyMinMs) {
    await delay(options.clock, telegramLimits.pollEmptyMinMs, signal);
  }
  return false;
}

/** The highest number among the accepted. */
async function accept(
  { identities, inbound, signal }: Poll,
  updates: readonly unknown[],
): Promise<number | undefined> {
  const events: InboundEvent[] = [];
  let last: number | undefined;
  for (const raw of updates) {
    const update = readUpdate(raw);
    if (!update) continue;
    events.push(eventOf(update, await identities.get(signal)));
    last = Math.max(last ?? update.update_id, update.update_id);
  }
  if (last === undefined) {
    if (updates.length === 0) return undefined;
    throw new HoldfastError("channel_unavailable", "Telegram's updates have no numbers.");
  }
  const isAccepted = await orAborted(inbound.accept(events), signal);
  return isAccepted ? last : undefined;
}

/**
 * Another one asks with the same token. The owner before this one may, for a moment; whoever still does
 * after that is another program, and each takes updates from the other.
 */
async function waitForOther(
  { options, inbound, signal }: Poll,
  progress: Progress,
  backoff: Backoff,
  description: string,
): Promise<boolean> {
  progress.isAnswered = false;
  const isWebhook = /webhook/i.test(description);
  const who = isWebhook
    ? "Another program registers a webhook for this bot; it is removed again"
    : "Another program polls with this bot's token, and each takes messages from the other";
  const trouble = new HoldfastError(
    "channel_unavailable",
    `${who}. Stop it, or give it its own bot.`,
  );
  if (!isWebhook) progress.conflicts += 1;
  if (isWebhook || progress.conflicts === conflictsTold) {
    options.report(trouble, "telegram polling");
  }
  if (!isWebhook && progress.conflicts >= conflictsTold) {
    inbound.disconnected(trouble.message);
    progress.isConnected = false;
  }
  await backoff.wait(signal);
  return isWebhook;
}

/** False when the signal aborted first: nothing is confirmed then, and the next owner gets it again. */
async function orAborted(accepted: Promise<void>, signal: AbortSignal): Promise<boolean> {
  let onAbort = () => {};
  const aborted = new Promise<boolean>((resolve) => {
    onAbort = () => resolve(false);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) resolve(false);
  });
  try {
    return await Promise.race([accepted.then(() => true), aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    accepted.catch(() => {});
  }
}
