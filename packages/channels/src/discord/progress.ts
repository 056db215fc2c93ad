import { z } from "zod";
import { discordLimits } from "./limits.ts";
import { setNewest } from "./lru.ts";
import { isLater, isSnowflake } from "./snowflake.ts";

/** What the next owner needs: the session to resume, and what is known where it cannot be resumed. */
export interface Progress {
  session: Session | undefined;
  /** Of all messages; undefined before the first session. */
  newest: string | undefined;
  /** In chats that are not remembered, everything up to here is done. */
  floor: string | undefined;
  /**
   * Servers of the session in which was not looked yet for what came before it; until then `floor` stays. Their
   * ids would not fit into a cursor: who goes on with another owner's session counts none of them off.
   */
  guildsLeft: number;
  /** The most recently active chats, the newest last. */
  readonly channels: Map<string, LastMessage>;
}

export interface Session {
  readonly id: string;
  readonly url: string;
  /** The bot's own id. */
  readonly self: string;
  seq: number;
}

interface LastMessage {
  readonly id: string;
  readonly direct: boolean;
}

const snowflake = z.string().refine(isSnowflake);

const stored = z.object({
  version: z.literal(1),
  session: z
    .object({ id: z.string(), url: z.url({ protocol: /^wss?$/ }), self: snowflake, seq: z.int() })
    .optional(),
  newest: snowflake.optional(),
  floor: snowflake.optional(),
  guildsLeft: z.int().min(0).default(0),
  channels: z.array(z.tuple([snowflake, snowflake, z.boolean()])),
});

/** A cursor that cannot be read counts as none. */
export function readProgress(cursor: string | undefined): Progress {
  const parsed = stored.safeParse(parseJson(cursor ?? ""));
  const { session, newest, floor, guildsLeft = 0, channels = [] } = parsed.data ?? {};
  return {
    session,
    newest,
    floor,
    guildsLeft,
    channels: new Map(channels.map(([channel, id, direct]) => [channel, { id, direct }])),
  };
}

export function writeProgress(progress: Progress): string {
  const entries = [...progress.channels].map(([channel, { id, direct }]) => [channel, id, direct]);
  const { channels: _, ...rest } = progress;
  for (;;) {
    const text = JSON.stringify({ version: 1, ...rest, channels: entries });
    if (text.length <= discordLimits.cursorChars || entries.length === 0) return text;
    entries.splice(0, Math.ceil(entries.length / 10));
  }
}

/** A message of the chat is durable. */
export function noteMessage(
  progress: Progress,
  message: { readonly id: string; readonly channel: string; readonly direct: boolean },
): void {
  const { id, channel, direct } = message;
  if (progress.newest === undefined || isLater(id, progress.newest)) progress.newest = id;
  const before = progress.channels.get(channel);
  const last = before === undefined || isLater(id, before.id) ? id : before.id;
  const max = discordLimits.cursorChannels;
  const dropped = setNewest(progress.channels, channel, { id: last, direct }, max)?.[1].id;
  if (dropped === undefined) return;
  // What was done in the forgotten chat must not be fetched again as if it had been missed.
  if (progress.floor === undefined || isLater(dropped, progress.floor)) progress.floor = dropped;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
