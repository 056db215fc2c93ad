import { describe, expect, it } from "vitest";
import { eventOf, readUpdate } from "./events.ts";

const bot = { id: 99, username: "Agent_Bot" };

function read(message: Record<string, unknown>, key = "message") {
  const update = readUpdate({
    update_id: 1,
    [key]: {
      message_id: 7,
      date: 1_700_000_000,
      chat: { id: -100, type: "supergroup", title: "Team" },
      from: { id: 42, is_bot: false, first_name: "Ada", last_name: "L", username: "ada" },
      ...message,
    },
  });
  if (!update) throw new Error("not an update");
  return eventOf(update, bot);
}

describe("a message of Telegram", () => {
  it("is read with its chat, its sender and its order", () => {
    expect(read({ text: "hi" })).toEqual({
      type: "message",
      eventId: "99-1",
      chat: { kind: "group", id: "-100" },
      sender: { id: "42", name: "Ada L", username: "ada", isBot: false },
      text: "hi",
      messageId: "7",
      order: 7,
      mentionsAccount: false,
      media: [],
      sentAt: 1_700_000_000_000,
    });
  });

  it("names the bot in each of the ways that there are", () => {
    const named = (text: string, entities: unknown[]) => read({ text, entities });
    const mention = (offset: number) => ({ type: "mention", offset, length: 10 });
    expect(named("@agent_bot, hi", [mention(0)])).toMatchObject({
      text: "hi",
      mentionsAccount: true,
    });
    expect(named("👋🏽 @agent_bot", [mention(5)])).toMatchObject({
      text: "👋🏽 @agent_bot",
      mentionsAccount: true,
    });
    expect(named("@agent_bots", [{ ...mention(0), length: 11 }])).toMatchObject({
      text: "@agent_bots",
      mentionsAccount: false,
    });
    expect(named("@agent_bot", [])).toMatchObject({ mentionsAccount: false });
    const command = { type: "bot_command", offset: 0, length: 16 };
    expect(named("/start@Agent_Bot now", [command])).toMatchObject({
      text: "/start now",
      mentionsAccount: true,
    });
    expect(named("/start", [{ ...command, length: 6 }])).toMatchObject({ mentionsAccount: false });
    const byName = { type: "text_mention", offset: 0, length: 5, user: { id: 99, is_bot: true } };
    expect(named("Agent hi", [byName])).toMatchObject({ text: "hi", mentionsAccount: true });
    const another = { ...byName, user: { id: 98, is_bot: true } };
    expect(named("Agent hi", [another])).toMatchObject({ mentionsAccount: false });
    expect(named("x", [{ type: "mention", offset: 900, length: 5 }])).toMatchObject({ text: "x" });
  });

  it("that answers the bot counts as naming it", () => {
    const answered = (id: number) => read({ text: "hi", reply_to_message: { from: { id } } });
    expect(answered(99)).toMatchObject({ mentionsAccount: true });
    expect(answered(98)).toMatchObject({ mentionsAccount: false });
  });

  it("in a forum has its topic; a chain of answers is none", () => {
    const topic = { text: "hi", message_thread_id: 3, is_topic_message: true };
    expect(read(topic)).toMatchObject({ chat: { thread: "3" } });
    const chain = read({ text: "hi", message_thread_id: 3 });
    expect(chain.type === "message" && chain.chat.thread).toBe(undefined);
  });

  it("is direct in a private chat, and of a channel in a channel", () => {
    expect(read({ text: "x", chat: { id: 5, type: "private" } })).toMatchObject({
      chat: { kind: "direct", id: "5" },
    });
    const channel = { id: -200, type: "channel", title: "News" };
    const post = { text: "x", from: undefined, chat: channel, sender_chat: channel };
    expect(read(post, "channel_post")).toMatchObject({
      chat: { kind: "channel", id: "-200" },
      sender: { id: "-200", name: "News", isBot: false },
    });
  });

  it("keeps whatever stands in names and texts", () => {
    const from = { id: 1, first_name: "<b>&\u202e مرحبا", last_name: "👩‍👩‍👧" };
    expect(read({ text: "<script>\u0000\ud800", from })).toMatchObject({
      text: "<script>\ufffd",
      sender: { name: "<b>&\u202e مرحبا 👩‍👩‍👧", isBot: false },
    });
  });

  it("of another bot says so, and of the bot itself is ignored", () => {
    const from = { id: 7, is_bot: true, first_name: "Other" };
    expect(read({ text: "x", from })).toMatchObject({ sender: { isBot: true } });
    expect(read({ text: "x", from: { ...from, id: 99 } })).toEqual({
      type: "ignored",
      what: "own_message",
    });
    expect(read({ text: "x", is_automatic_forward: true })).toMatchObject({ what: "automatic" });
  });

  it("to a channel, in its chat of direct messages, is ignored", () => {
    const chat = { id: -300, type: "supergroup", title: "News", is_direct_messages: true };
    const topic = { topic_id: 42, user: { id: 42, is_bot: false, first_name: "Ada" } };
    expect(read({ text: "hi", chat, direct_messages_topic: topic })).toEqual({
      type: "ignored",
      what: "unknown_event",
    });
  });

  it("about the chat itself is ignored", () => {
    for (const service of [
      { new_chat_members: [{ id: 1 }] },
      { migrate_to_chat_id: -100_200 },
      { pinned_message: {} },
      { location: { latitude: 1, longitude: 2 } },
    ]) {
      expect(read(service)).toEqual({ type: "ignored", what: "unknown_event" });
    }
  });

  it("brings its files, the largest of a photo, with the caption", () => {
    const photo = [
      { file_id: "s", file_size: 10 },
      { file_id: "l", file_size: 99 },
    ];
    const entities = [{ type: "mention", offset: 0, length: 10 }];
    expect(read({ photo, caption: "@agent_bot look", caption_entities: entities })).toMatchObject({
      text: "look",
      mentionsAccount: true,
      media: [{ kind: "image", source: "l", mime: "image/jpeg", bytes: 99 }],
    });
    const kinds: readonly [Record<string, unknown>, Record<string, unknown>][] = [
      [{ voice: { file_id: "v" } }, { kind: "audio", mime: "audio/ogg" }],
      [{ audio: { file_id: "a", mime_type: "audio/mp4" } }, { kind: "audio", mime: "audio/mp4" }],
      [{ video: { file_id: "v" } }, { kind: "video", mime: "video/mp4" }],
      [{ video_note: { file_id: "v" } }, { kind: "video", mime: "video/mp4" }],
      [
        { animation: { file_id: "a" }, document: { file_id: "a" } },
        { kind: "video", source: "a" },
      ],
      [
        { document: { file_id: "d", file_name: "a.pdf", mime_type: "Application/PDF" } },
        { kind: "file", mime: "application/pdf", name: "a.pdf" },
      ],
      [{ sticker: { file_id: "s", emoji: "🎉" } }, { kind: "image", mime: "image/webp" }],
    ];
    for (const [message, media] of kinds) expect(read(message)).toMatchObject({ media: [media] });
    const moving = { sticker: { file_id: "s", emoji: "🎉", is_animated: true } };
    expect(read(moving)).toMatchObject({ text: "🎉", media: [] });
  });

  it("with parts of an unexpected shape is read without them", () => {
    expect(
      read({ text: "x", reply_to_message: 5, photo: "no", entities: [{ odd: 1 }] }),
    ).toMatchObject({ type: "message", text: "x", media: [] });
  });
});
