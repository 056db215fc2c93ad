import type { Identity } from "./identity.ts";
import type { TelegramEntity } from "./updates.ts";

/**
 * Whether a text names the bot, and the text without the bot's name at its beginning. Entities count in
 * UTF-16 units, as strings here do. Of a command that is meant for this bot alone (`/help@bot`) the name
 * is taken off and the command stays.
 */
export function withoutMention(
  text: string,
  entities: readonly TelegramEntity[],
  bot: Identity,
): { readonly text: string; readonly isMentioned: boolean } {
  const named = entities.filter((entity) => namesBot(text, entity, bot));
  const first = named.find(({ offset }) => text.slice(0, offset).trim() === "");
  if (!first) return { text, isMentioned: named.length > 0 };

  const end = first.offset + first.length;
  if (first.type === "bot_command") {
    const command = text.slice(first.offset, end).split("@")[0] ?? "";
    return { text: command + text.slice(end), isMentioned: true };
  }
  return { text: text.slice(end).replace(/^[\s,:]+/, ""), isMentioned: true };
}

function namesBot(
  text: string,
  { type, offset, length, user }: TelegramEntity,
  bot: Identity,
): boolean {
  if (type === "text_mention") return user?.id === bot.id;
  if (bot.username === "" || (type !== "mention" && type !== "bot_command")) return false;
  const words = text.slice(offset, offset + length).toLowerCase();
  return words.slice(words.indexOf("@")) === `@${bot.username.toLowerCase()}`;
}
