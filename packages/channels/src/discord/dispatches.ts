import type { Clock, InboundEvent } from "@holdfast/core";
import { z } from "zod";
import { type DiscordMessage, discordMessage, messageEvent } from "./events.ts";
import type { Dispatch } from "./gateway.ts";
import type { createMissed } from "./missed.ts";
import { type DiscordChannel, discordChannel, type Places } from "./places.ts";
import { noteMessage, type Progress } from "./progress.ts";
import { isLater, isSnowflake, snowflakeAt } from "./snowflake.ts";

export interface DispatchesOptions {
  readonly places: Places;
  readonly progress: Progress;
  /** Servers that the session began with and that did not come yet, if it began here. */
  readonly guilds: Set<string>;
  readonly fetchMissed: ReturnType<typeof createMissed>;
  readonly clock: Clock;
  readonly gatewayUrl: string;
  /** A session began or goes on. Errors: as for `done`. */
  readonly onReady: () => Promise<void>;
}

export interface Taken {
  readonly events: readonly InboundEvent[];
  /** Is called once the events are durable. Errors: those of keeping the session. */
  readonly done: () => void | Promise<void>;
}

export interface Dispatches {
  /** Whether it has to be handled alone, because it makes events of other messages durable itself. */
  isAlone(dispatch: Dispatch): boolean;
  take(dispatch: Dispatch, signal: AbortSignal): Promise<Taken>;
}

const ready = z.looseObject({
  session_id: z.string(),
  resume_gateway_url: z.url({ protocol: /^wss?$/ }).optional(),
  user: z.looseObject({ id: z.string().refine(isSnowflake) }),
  guilds: z.array(z.unknown()).default([]),
});
const guildNamed = z.looseObject({ id: z.string() });
const guildCreate = z.looseObject({
  id: z.string(),
  unavailable: z.boolean().nullish(),
  joined_at: z.string().nullish(),
  channels: z.array(z.unknown()).default([]),
  threads: z.array(z.unknown()).default([]),
});
const threadList = z.looseObject({ threads: z.array(z.unknown()).default([]) });

const nothing: Taken = { events: [], done: () => {} };
const edited: InboundEvent = { type: "ignored", what: "edited" };
const unknown: InboundEvent = { type: "ignored", what: "unknown_event" };

/** Turns what the gateway sends into events and into knowledge about channels. */
export function createDispatches(options: DispatchesOptions): Dispatches {
  const { places, progress, guilds, fetchMissed } = options;

  /** A new session: whatever came since the last one ended is fetched, direct chats first. */
  const begin = async (dispatch: Dispatch, signal: AbortSignal): Promise<Taken> => {
    const { session_id: id, resume_gateway_url: url, user, ...named } = ready.parse(dispatch.data);
    const now = snowflakeAt(options.clock.now());
    // Fetching moves `newest`, so a floor whose servers are not looked through yet has to stay.
    if (progress.guildsLeft === 0) progress.floor = progress.newest ?? now;
    progress.guildsLeft = named.guilds.length;
    guilds.clear();
    for (const guild of named.guilds) guilds.add(guildNamed.safeParse(guild).data?.id ?? "");
    const direct = [...progress.channels].filter(([, last]) => last.direct);
    for (const [channel, last] of direct) {
      if (signal.aborted) return nothing;
      await fetchMissed({ channel, guild: undefined, after: last.id, self: user.id }, signal);
    }
    const done = () => {
      progress.newest ??= now;
      progress.session = { id, url: url ?? options.gatewayUrl, self: user.id, seq: dispatch.seq };
      return options.onReady();
    };
    return { events: [], done };
  };

  /** Comes for each server of a new session, for one that was away, and for one that the bot was added to. */
  const enterGuild = async (dispatch: Dispatch, signal: AbortSignal): Promise<Taken> => {
    const parsed = guildCreate.safeParse(dispatch.data);
    if (!parsed.success) return { events: [unknown], done: () => {} };
    const guild = parsed.data;
    // It comes again, with its channels.
    if (guild.unavailable === true) return nothing;
    const self = progress.session?.self;
    const joined = snowflakeAt(Date.parse(guild.joined_at ?? "") || 0);
    for (const channel of channelsOf([...guild.channels, ...guild.threads])) {
      places.learn(channel);
      const last = channel.last_message_id;
      const known = progress.channels.get(channel.id)?.id ?? progress.floor;
      if (!isSnowflake(last) || known === undefined || self === undefined) continue;
      const after = isLater(joined, known) ? joined : known;
      if (signal.aborted) return nothing;
      if (!isLater(last, after)) continue;
      await fetchMissed({ channel: channel.id, guild: guild.id, after, self }, signal);
    }
    const done = () => {
      if (guilds.delete(guild.id)) progress.guildsLeft -= 1;
    };
    return { events: [], done };
  };

  const takeMessage = async (data: unknown, signal: AbortSignal): Promise<Taken> => {
    const parsed = discordMessage.safeParse(data);
    const self = progress.session?.self;
    if (!parsed.success || self === undefined) return { events: [unknown], done: () => {} };
    const message: DiscordMessage = parsed.data;
    const { id, channel_id: channel, guild_id: guild } = message;
    const isOwn = message.author.id === self;
    const parent =
      guild === undefined || isOwn
        ? undefined
        : await places.parentOf(channel, message.channel_type, signal);
    const done = () => noteMessage(progress, { id, channel, direct: guild === undefined });
    return { events: [messageEvent(message, { self, parent })], done };
  };

  return {
    isAlone: ({ type }) => type === "READY" || type === "GUILD_CREATE",
    async take(dispatch, signal) {
      switch (dispatch.type) {
        case "READY":
          return await begin(dispatch, signal);
        case "RESUMED":
          return { events: [], done: options.onReady };
        case "GUILD_CREATE":
          return await enterGuild(dispatch, signal);
        case "CHANNEL_CREATE":
        case "CHANNEL_UPDATE":
        case "THREAD_CREATE":
        case "THREAD_UPDATE":
          for (const channel of channelsOf([dispatch.data])) places.learn(channel);
          return nothing;
        case "THREAD_LIST_SYNC":
          for (const channel of channelsOf(
            threadList.safeParse(dispatch.data).data?.threads ?? [],
          )) {
            places.learn(channel);
          }
          return nothing;
        case "MESSAGE_CREATE":
          return await takeMessage(dispatch.data, signal);
        case "MESSAGE_UPDATE":
        case "MESSAGE_DELETE":
        case "MESSAGE_DELETE_BULK":
          return { events: [edited], done: () => {} };
        default:
          return { events: [unknown], done: () => {} };
      }
    },
  };
}

function channelsOf(items: readonly unknown[]): readonly DiscordChannel[] {
  return items.flatMap((item) => {
    const parsed = discordChannel.safeParse(item);
    return parsed.success ? [parsed.data] : [];
  });
}
