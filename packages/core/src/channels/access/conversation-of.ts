import { invariant } from "../../errors.ts";
import { type ConversationId, conversationId } from "../../ids.ts";
import { limits } from "../../limits.ts";
import type { ChatAddress, ChatSender } from "../../ports/channel.ts";
import type { Account } from "../../resources.ts";
import type { IdentityLinks } from "./identity-links.ts";

export interface ConversationChoice {
  /** The agent that takes the message. */
  readonly agent: string;
  readonly links: IdentityLinks;
  /** Of hexadecimal digits, at least 32; different texts have different ones. */
  readonly digest: (text: string) => string;
}

/**
 * The conversation that a chat belongs to, in OpenClaw's words: `main`, `direct:<person>`,
 * `telegram:direct:<person>`, `telegram:<account>:direct:<person>`, `telegram:group:<id>`, with
 * `:topic:<id>` or `:thread:<id>` behind it. Two chats never get the same one unless `scope` or a link says
 * so: foreign characters are escaped, ids that are too long end with their digest.
 */
export function conversationOf(
  account: Pick<Account, "organization" | "name" | "channel" | "scope">,
  event: { readonly chat: ChatAddress; readonly sender: Pick<ChatSender, "id" | "username"> },
  choice: ConversationChoice,
): ConversationId {
  const { chat } = event;
  if (chat.kind !== "direct") {
    return shortened(
      [account.channel, chat.kind, chat.id, ...threadOf(account.channel, chat)],
      choice,
    );
  }
  const scope = account.scope ?? "per-account-channel-peer";
  if (scope !== "main") {
    const { organization, channel, name } = account;
    const { agent, links } = choice;
    const { id, username } = event.sender;
    const person = links.personOf({ organization, channel, account: name, id, username, agent });
    // The threads too: whoever is linked has one conversation, on whatever channel.
    if (person !== undefined) return shortened(["person", person], choice);
  }
  const direct = ["direct", event.sender.id];
  const scoped = {
    main: ["main"],
    "per-peer": direct,
    "per-channel-peer": [account.channel, ...direct],
    "per-account-channel-peer": [account.channel, account.name, ...direct],
  }[scope];
  return shortened([...scoped, ...threadOf(account.channel, chat)], choice);
}

/** A forum topic of Telegram is part of its group's id there; everything else is a thread. */
function threadOf(channel: string, { kind, thread }: ChatAddress): readonly string[] {
  if (thread === undefined) return [];
  return [channel === "telegram" && kind !== "direct" ? "topic" : "thread", thread];
}

const digestCharsMin = 32;
const digestCharsMax = 64;
/** An escape is `~` and a hexadecimal digit or `u`, so this stands in no other id. */
const digestMark = "~~";

function shortened(parts: readonly string[], { digest }: ConversationChoice): ConversationId {
  const whole = parts.map(escaped).join(":");
  if (whole.length <= limits.conversationIdLength) return conversationId(whole);
  const end = digest(whole).slice(0, digestCharsMax);
  invariant(end.length >= digestCharsMin, "a digest tells conversations apart");
  const room = limits.conversationIdLength - digestMark.length - end.length;
  return conversationId(`${whole.slice(0, room)}${digestMark}${end}`);
}

/** Reversible: a foreign character becomes `~` and two hexadecimal digits, or `~u` and four. */
function escaped(part: string): string {
  return part.replace(/[^A-Za-z0-9._@+=|,-]/g, (character) => {
    const codes = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
    return codes.map(escape).join("");
  });
}

function escape(code: number): string {
  const hex = code.toString(16);
  return code < 0x100 ? `~${hex.padStart(2, "0")}` : `~u${hex.padStart(4, "0")}`;
}
