import { HoldfastError, type Inbound } from "@holdfast/core";
import { z } from "zod";
import { type DiscordMessage, discordMessage, messageEvent } from "./events.ts";
import { discordLimits } from "./limits.ts";
import { setNewest } from "./lru.ts";
import type { Places } from "./places.ts";
import { noteMessage, type Progress } from "./progress.ts";
import type { Read } from "./reader.ts";
import { isLater, isSnowflake, snowflakeAt, snowflakeTime } from "./snowflake.ts";

export interface MissedOptions {
  readonly read: Read;
  readonly places: Places;
  readonly inbound: Inbound;
  readonly progress: Progress;
  readonly report: (error: HoldfastError, where: string) => void;
}

export interface MissedIn {
  readonly channel: string;
  readonly guild: string | undefined;
  /** The last message that is done. */
  readonly after: string;
  readonly self: string;
}

const memberAnswer = discordMessage.shape.member;

/**
 * Fetches what people wrote in a chat while no session was alive. What was known already may come again,
 * with the same event id.
 */
export function createMissed(
  options: MissedOptions,
): (where: MissedIn, signal: AbortSignal) => Promise<void> {
  const { read, places, inbound, progress, report } = options;
  const members = new Map<string, DiscordMessage["member"]>();

  /** Messages that are fetched come without their author's roles. */
  const memberOf = async (guild: string, user: string, signal: AbortSignal) => {
    const key = `${guild}/${user}`;
    if (members.has(key)) return members.get(key);
    if (!isSnowflake(guild) || !isSnowflake(user)) return undefined;
    const answer = await read({ method: "GET", path: `/guilds/${guild}/members/${user}` }, signal);
    const parsed = memberAnswer.safeParse(answer.status < 300 ? answer.body : undefined);
    setNewest(members, key, parsed.data, discordLimits.missedMembers);
    return parsed.data;
  };

  const complete = async (message: DiscordMessage, where: MissedIn, signal: AbortSignal) => {
    if (where.guild === undefined) return message;
    const { author, webhook_id: webhook } = message;
    const isPerson = webhook === undefined && author.bot !== true;
    const member = isPerson ? await memberOf(where.guild, author.id, signal) : undefined;
    return { ...message, guild_id: where.guild, member };
  };

  return async (where: MissedIn, signal: AbortSignal): Promise<void> => {
    let after = earlier(where.after);
    for (let page = 0; page < discordLimits.missedPages && !signal.aborted; page += 1) {
      const path = `/channels/${where.channel}/messages?after=${after}&limit=${discordLimits.missedPage}`;
      const answer = await read({ method: "GET", path }, signal);
      // The chat is gone, or may not be read any more.
      if (answer.status >= 300) return;
      const messages = readPage(answer.body);
      const events = [];
      for (const message of messages) {
        const whole = await complete(message, where, signal);
        const parent =
          where.guild === undefined
            ? undefined
            : await places.parentOf(where.channel, undefined, signal);
        events.push(messageEvent(whole, { self: where.self, parent }));
      }
      if (events.length > 0) await inbound.accept(events);
      for (const { id } of messages) {
        noteMessage(progress, { id, channel: where.channel, direct: where.guild === undefined });
        if (isLater(id, after)) after = id;
      }
      if (lengthOf(answer.body) < discordLimits.missedPage) return;
    }
    if (signal.aborted) return;
    const words = "More messages were missed in a chat than are fetched; some stay unanswered.";
    report(new HoldfastError("channel_unavailable", words), `channel ${where.channel}`);
  };
}

/** Discord gives each page with the newest message first. */
function readPage(body: unknown): readonly DiscordMessage[] {
  const items = z.array(z.unknown()).safeParse(body).data ?? [];
  return items
    .flatMap((item) => {
      const parsed = discordMessage.safeParse(item);
      return parsed.success ? [parsed.data] : [];
    })
    .sort((a, b) => (isLater(a.id, b.id) ? 1 : -1));
}

function lengthOf(body: unknown): number {
  return Array.isArray(body) ? body.length : 0;
}

function earlier(id: string): string {
  return snowflakeAt(snowflakeTime(id) - discordLimits.missedOverlapMs);
}
