import type { Mention } from "./envelope.ts";

/**
 * Signal writes a placeholder where somebody is mentioned, and the name beside the text. Puts the names
 * into it; the account's own mention at the beginning is left out.
 */
export function withMentions(
  text: string,
  mentions: readonly Mention[],
  isOwn: (mention: Mention) => boolean,
): string {
  let result = text;
  for (const mention of mentions.toSorted((a, b) => b.start - a.start)) {
    const end = mention.start + mention.length;
    if (end > result.length) continue;
    const isGreeting = isOwn(mention) && result.slice(0, mention.start).trim() === "";
    const name = `@${mention.name ?? mention.number ?? "somebody"}`;
    const rest = result.slice(end);
    result = isGreeting
      ? rest.replace(/^[\s,:]+/, "")
      : result.slice(0, mention.start) + name + rest;
  }
  return result;
}
