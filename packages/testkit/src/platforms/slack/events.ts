import { randomUUID } from "node:crypto";
import type { PersonMessage } from "../fake-platform.ts";
import {
  app,
  bot,
  type StoredFile,
  type StoredMessage,
  team,
  type Workspace,
} from "./workspace.ts";

/** What is delivered: the event's callback, or the fields of a command or an interaction. */
export interface Payload {
  readonly type: "events_api" | "slash_commands" | "interactive";
  readonly body: Readonly<Record<string, unknown>>;
}

type Event = Readonly<Record<string, unknown>> & { readonly type: string };

/** The outer part of an event, the same at each redelivery. */
export function callbackOf(event: Event): Payload {
  return {
    type: "events_api",
    body: {
      token: "verification-token-not-used",
      team_id: team,
      api_app_id: app,
      event,
      type: "event_callback",
      event_id: `Ev${randomUUID().replaceAll("-", "").slice(0, 9).toUpperCase()}`,
      event_time: Math.floor(Date.now() / 1_000),
      authorizations: [
        {
          enterprise_id: null,
          team_id: team,
          user_id: bot.user,
          is_bot: true,
          is_enterprise_install: false,
        },
      ],
      is_ext_shared_channel: false,
      event_context: "4-fake",
    },
  };
}

/** A person's message, as `message`, and as `app_mention` where the account is named outside a direct chat. */
export function personEvents(
  message: PersonMessage,
  workspace: Workspace,
  files: readonly Readonly<Record<string, unknown>>[] = [],
): { readonly channel: string; readonly payloads: readonly Payload[] } {
  const channel = workspace.channelOf(message.chat, message.kind);
  const user = workspace.userOf(message);
  const ts = workspace.nextTs();
  const mention = message.mentionsAccount === true ? `<@${bot.user}> ` : "";
  const event = {
    user,
    ts,
    text: `${mention}${escaped(message.text)}`,
    client_msg_id: randomUUID(),
    team,
    channel,
    event_ts: ts,
    ...(message.isBot === true ? { bot_id: `B${user.slice(1)}` } : {}),
    ...(files.length > 0 ? { files } : {}),
  };
  const channelType = channel.startsWith("D") ? "im" : "channel";
  const subtype = files.length > 0 ? { subtype: "file_share" } : {};
  const payloads = [
    callbackOf({ ...event, ...subtype, type: "message", channel_type: channelType }),
  ];
  if (mention !== "" && channelType !== "im") {
    payloads.push(callbackOf({ ...event, type: "app_mention" }));
  }
  return { channel, payloads };
}

/** Slack tells apps of their own messages, too. */
export function ownEvent(message: StoredMessage): Payload {
  return callbackOf({
    type: "message",
    user: bot.user,
    bot_id: bot.id,
    app_id: app,
    team,
    text: message.text,
    ts: message.ts,
    ...(message.thread === undefined ? {} : { thread_ts: message.thread }),
    channel: message.channel,
    channel_type: message.channel.startsWith("D") ? "im" : "channel",
    event_ts: message.ts,
  });
}

/** Something that no app could have known of. */
export function unknownEvent(): Payload {
  return callbackOf({ type: "moon_phase_changed", phase: { name: "waxing", lit: 0.4 } });
}

export function fileObject(file: StoredFile, baseUrl: string): Readonly<Record<string, unknown>> {
  const address = `${baseUrl}/files-pri/${team}-${file.id}/download/${encodeURIComponent(file.name)}`;
  return {
    id: file.id,
    name: file.name,
    mimetype: file.mimetype,
    size: file.data.byteLength,
    mode: "hosted",
    is_external: false,
    url_private: address,
    url_private_download: address,
  };
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
