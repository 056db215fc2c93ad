import { z } from "zod";
import { isThread } from "./channel-types.ts";
import { discordLimits } from "./limits.ts";
import { setNewest } from "./lru.ts";
import type { Read } from "./reader.ts";

export const discordChannel = z.looseObject({
  id: z.string(),
  type: z.number(),
  parent_id: z.string().nullish(),
  last_message_id: z.string().nullish(),
});
export type DiscordChannel = z.infer<typeof discordChannel>;

export interface Places {
  learn(channel: DiscordChannel): void;
  /** The channel that a thread hangs under; undefined for everything else. */
  parentOf(
    channel: string,
    type: number | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined>;
}

/** Which channels are threads, and of what: from the gateway, or asked once. */
export function createPlaces(read: Read): Places {
  const parents = new Map<string, string | undefined>();
  const keep = (id: string, parent: string | undefined) => {
    setNewest(parents, id, parent, discordLimits.knownChannels);
    return parent;
  };
  const parentIn = (channel: DiscordChannel) =>
    isThread(channel.type) ? (channel.parent_id ?? undefined) : undefined;

  return {
    learn(channel) {
      keep(channel.id, parentIn(channel));
    },
    async parentOf(channel, type, signal) {
      if (type !== undefined && !isThread(type)) return undefined;
      if (parents.has(channel)) return keep(channel, parents.get(channel));
      const answer = await read({ method: "GET", path: `/channels/${channel}` }, signal);
      const parsed = discordChannel.safeParse(answer.body);
      return keep(channel, parsed.success ? parentIn(parsed.data) : undefined);
    },
  };
}
