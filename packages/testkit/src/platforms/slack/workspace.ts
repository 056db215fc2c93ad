import { createHash } from "node:crypto";
import { type PersonMessage, senderOf, type ShownMessage } from "../fake-platform.ts";
import { shownText } from "./mrkdwn.ts";

export const team = "T0FAKETEAM";
export const app = "A0FAKEAPP";
export const bot = { user: "U0FAKEBOT", id: "B0FAKEBOT", name: "holdfast" } as const;

export interface StoredMessage {
  readonly channel: string;
  readonly ts: string;
  readonly thread: string | undefined;
  readonly user: string;
  readonly botId: string | undefined;
  text: string;
  raw: Readonly<Record<string, string>>;
  readonly metadata: unknown;
}

export interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly mimetype: string;
  readonly data: Uint8Array;
}

interface User {
  readonly name: string;
  readonly isBot: boolean;
}

/** What Slack keeps: channels, users, messages and files. */
export class Workspace {
  readonly users = new Map<string, User>();
  readonly files = new Map<string, StoredFile>();
  readonly blocked = new Set<string>();
  readonly messages: StoredMessage[] = [];
  readonly #channels = new Map<string, string>();
  #lastMicroseconds = 0;

  constructor() {
    this.users.set(bot.user, { name: bot.name, isBot: true });
  }

  /** The id of a chat. What looks like an id is one; other names get one of the right kind. */
  channelOf(chat: string, kind: PersonMessage["kind"] = "direct"): string {
    const known = this.#channels.get(chat);
    if (known !== undefined) return known;
    const isId = /^[CDG][A-Z0-9]{2,}$/.test(chat);
    const channel = isId ? chat : `${kind === "group" ? "C" : "D"}${idOf(chat)}`;
    this.#channels.set(chat, channel);
    return channel;
  }

  /** Chats that nobody has written in yet are channels only under their ids. */
  hasChannel(channel: string): boolean {
    return [...this.#channels.values()].includes(channel) && !this.blocked.has(channel);
  }

  userOf(message: PersonMessage): string {
    const { senderName, isBot = false } = message;
    const sender = senderOf(message);
    const user = /^[UW][A-Z0-9]{2,}$/.test(sender) ? sender : `U${idOf(sender)}`;
    this.users.set(user, { name: senderName ?? sender, isBot });
    return user;
  }

  /** Unique, and later than all before. */
  nextTs(): string {
    this.#lastMicroseconds = Math.max(Date.now() * 1_000, this.#lastMicroseconds + 1);
    const seconds = Math.floor(this.#lastMicroseconds / 1_000_000);
    return `${seconds}.${String(this.#lastMicroseconds % 1_000_000).padStart(6, "0")}`;
  }

  shown(chat: string): readonly ShownMessage[] {
    const channel = this.channelOf(chat);
    return this.messages
      .filter((message) => message.channel === channel && message.user === bot.user)
      .map(({ ts, text, raw }) => ({ platformId: ts, text: shownText(text), raw }));
  }
}

function idOf(name: string): string {
  return createHash("sha256").update(name).digest("hex").slice(0, 10).toUpperCase();
}
