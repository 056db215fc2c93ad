import { type Answer, done, refused } from "./answers.ts";
import type { Chats, FakeChat } from "./chats.ts";
import { type ParsedEntity, parseHtml } from "./html.ts";
import type { Rates } from "./rates.ts";

/** What the methods that write into chats need of the fake. */
export interface MessageContext {
  readonly chats: Chats;
  readonly rates: Rates;
  readonly bot: Readonly<Record<string, unknown>>;
  readonly nextMessageId: () => number;
  readonly violation: (text: string) => void;
  readonly changed: () => void;
  /** Fractions of a second where the windows are shortened; whole seconds as Telegram's otherwise. */
  readonly speed: number;
}

export type Parameters_ = Readonly<Record<string, unknown>>;

const textMax = 4_096;

export function sendMessage(context: MessageContext, parameters: Parameters_): Answer {
  const chat = findChat(context, parameters);
  if ("status" in chat) return chat;
  const text = readText(context, parameters);
  if ("status" in text) return text;
  const reply = checkReply(parameters, chat);
  if (reply) return reply;
  const limited = context.rates.take(chat.id, chat.kind === "group");
  if (limited) {
    context.violation(`sent more than ${limited.rule}`);
    return tooMany(limited.waitMs, context.speed);
  }
  const platformId = String(context.nextMessageId());
  chat.shown.push({ platformId, text: text.text, raw: parameters });
  context.changed();
  return done(messageOf(context, chat, platformId, text));
}

export function sendChatAction(context: MessageContext, parameters: Parameters_): Answer {
  const chat = findChat(context, parameters);
  if ("status" in chat) return chat;
  if (parameters["action"] !== "typing") {
    context.violation("sendChatAction with an action that is unknown here");
    return refused(400, "Bad Request: wrong parameter action in request");
  }
  return done(true);
}

export function tooMany(waitMs: number, speed: number): Answer {
  const seconds = speed === 1 ? Math.max(1, Math.ceil(waitMs / 1_000)) : waitMs / 1_000;
  return refused(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds });
}

function findChat(context: MessageContext, parameters: Parameters_): FakeChat | Answer {
  const id = Number(parameters["chat_id"]);
  const chat = context.chats.byId(id);
  if (!chat) {
    const moved = context.chats.byFormerId(id);
    if (!moved) return refused(400, "Bad Request: chat not found");
    return refused(400, "Bad Request: group chat was upgraded to a supergroup chat", {
      migrate_to_chat_id: moved.id,
    });
  }
  if (!chat.isBlocked) return chat;
  return refused(
    403,
    chat.kind === "direct"
      ? "Forbidden: bot was blocked by the user"
      : "Forbidden: bot was kicked from the supergroup chat",
  );
}

function readText(
  context: MessageContext,
  parameters: Parameters_,
): { text: string; entities: readonly ParsedEntity[] } | Answer {
  const { text, parse_mode: mode } = parameters;
  if (typeof text !== "string" || text.trim() === "") {
    context.violation("a message without text");
    return refused(400, "Bad Request: message text is empty");
  }
  if (mode !== undefined && (typeof mode !== "string" || mode.toLowerCase() !== "html")) {
    context.violation("a parse_mode that this fake does not know");
    return refused(400, "Bad Request: unsupported parse_mode");
  }
  const parsed = mode === undefined ? { text, entities: [], complaints: [] } : parseHtml(text);
  if ("error" in parsed) {
    context.violation(`wrong HTML: ${parsed.error}`);
    return refused(400, `Bad Request: can't parse entities: ${parsed.error}`);
  }
  for (const complaint of parsed.complaints) context.violation(`wrong HTML: ${complaint}`);
  if (parsed.text.trim() === "") {
    context.violation("a message without text");
    return refused(400, "Bad Request: text must be non-empty");
  }
  if (parsed.text.length > textMax) {
    context.violation(`a message of ${parsed.text.length} UTF-16 units`);
    return refused(400, "Bad Request: message is too long");
  }
  return parsed;
}

/** Answers are given to messages of people, which the fake numbers but does not keep. */
function checkReply(parameters: Parameters_, chat: FakeChat): Answer | undefined {
  const reply = parameters["reply_parameters"];
  if (typeof reply !== "object" || reply === null) return undefined;
  const { message_id: id, allow_sending_without_reply: allowed } = reply as Parameters_;
  if (typeof id === "number" && (allowed === true || chat.messageIds.has(id))) return undefined;
  return refused(400, "Bad Request: message to be replied not found");
}

function messageOf(
  { bot }: MessageContext,
  chat: FakeChat,
  platformId: string,
  { text, entities }: { text: string; entities: readonly ParsedEntity[] },
): Record<string, unknown> {
  return {
    message_id: Number(platformId),
    from: bot,
    date: Math.floor(Date.now() / 1_000),
    chat: chatOf(chat),
    text,
    ...(entities.length === 0 ? {} : { entities }),
  };
}

export function chatOf(chat: FakeChat): Record<string, unknown> {
  return chat.kind === "direct"
    ? { id: chat.id, type: "private", first_name: chat.name }
    : { id: chat.id, type: "supergroup", title: chat.name };
}
