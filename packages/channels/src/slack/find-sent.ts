import { type Clock, delay } from "@holdfast/core";
import { z } from "zod";
import type { ApiAnswer, SlackApi } from "./api.ts";
import type { Directory, Identity } from "./directory.ts";
import { slackLimits } from "./limits.ts";

/** The metadata that every message of an account carries; people do not see it. */
export const keyEventType = "holdfast_message";

export interface SoughtMessage {
  readonly channel: string;
  readonly thread: string | undefined;
  readonly key: string;
  /** Wall time when the send began. */
  readonly begunAt: number;
}

export interface FindDependencies {
  readonly api: SlackApi;
  readonly directory: Directory;
  readonly token: () => string;
  readonly clock: Clock;
}

const page = z.object({
  messages: z.array(z.unknown()),
  response_metadata: z.object({ next_cursor: z.string().optional() }).nullish(),
});
const keyedMessage = z.object({
  ts: z.string().min(1),
  user: z.string().nullish(),
  bot_id: z
    .string()
    .nullish()
    .transform((id) => id ?? undefined),
  metadata: z.object({
    event_type: z.literal(keyEventType),
    event_payload: z.object({ key: z.string() }),
  }),
});

/**
 * Looks in the chat whether a message that may have been sent stands there: a few times, as it may
 * still be on its way. The result is its `ts`; undefined proves nothing. Errors: none.
 */
export async function findSent(
  sought: SoughtMessage,
  dependencies: FindDependencies,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { clock, directory } = dependencies;
  const until = clock.monotonic() + slackLimits.lookTotalMs;
  let identity: Identity | undefined;
  for (const waitMs of slackLimits.lookAfterMs) {
    await delay(clock, waitMs, signal);
    if (signal.aborted || clock.monotonic() > until) return undefined;
    identity ??= await directory.identity(signal);
    if (identity === undefined) continue;
    const look = await lookOnce(sought, identity, dependencies, signal);
    if (look.kind === "found") return look.ts;
    if (look.kind === "barred") return undefined;
    const leftMs = until - clock.monotonic();
    if (look.kind === "limited") {
      if (look.afterMs > leftMs) return undefined;
      await delay(clock, look.afterMs, signal);
    }
  }
  return undefined;
}

type Look =
  | { readonly kind: "found"; readonly ts: string }
  | { readonly kind: "absent" }
  /** Asking again does not help: no scope, no such chat. */
  | { readonly kind: "barred" }
  | { readonly kind: "limited"; readonly afterMs: number };

async function lookOnce(
  sought: SoughtMessage,
  identity: Identity,
  { api, token }: FindDependencies,
  signal: AbortSignal,
): Promise<Look> {
  let cursor: string | undefined;
  for (let pages = 0; pages < slackLimits.lookPages; pages += 1) {
    const answer = await api.call({
      token: token(),
      method: sought.thread === undefined ? "conversations.history" : "conversations.replies",
      args: {
        channel: sought.channel,
        ...(sought.thread === undefined ? {} : { ts: sought.thread }),
        oldest: String((sought.begunAt - slackLimits.lookClockSkewMs) / 1_000),
        limit: slackLimits.lookPageMessages,
        include_all_metadata: true,
        ...(cursor === undefined ? {} : { cursor }),
      },
      signal,
    });
    if (answer.kind !== "ok") return troubleOf(answer);
    const read = page.safeParse(answer.body);
    if (!read.success) return { kind: "absent" };
    const ts = read.data.messages
      .map((message) => tsIf(message, sought.key, identity))
      .find(Boolean);
    if (ts !== undefined) return { kind: "found", ts };
    cursor = read.data.response_metadata?.next_cursor || undefined;
    if (cursor === undefined) break;
  }
  return { kind: "absent" };
}

function troubleOf(answer: Exclude<ApiAnswer, { kind: "ok" }>): Look {
  if (answer.kind === "limited") return { kind: "limited", afterMs: answer.afterMs };
  return { kind: answer.kind === "refused" ? "barred" : "absent" };
}

/** Another app could write the same metadata, so the message must be the account's own. */
function tsIf(message: unknown, key: string, identity: Identity): string | undefined {
  const read = keyedMessage.safeParse(message);
  if (!read.success || read.data.metadata.event_payload.key !== key) return undefined;
  const { user, bot_id: botId, ts } = read.data;
  const isOwn = user === identity.userId || (botId !== undefined && botId === identity.botId);
  return isOwn ? ts : undefined;
}
