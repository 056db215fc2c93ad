import type { DiscordSettings } from "./settings.ts";

const guilds = 1 << 0;
const guildMessages = 1 << 9;
const directMessages = 1 << 12;
const messageContent = 1 << 15;

/** What the gateway is asked to send. */
export function intentsOf(settings: DiscordSettings): number {
  const base = guilds | guildMessages | directMessages;
  return settings.messageContent ? base | messageContent : base;
}
