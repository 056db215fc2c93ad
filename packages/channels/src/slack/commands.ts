import type { InboundEvent, InboundMessageEvent } from "@holdfast/core";
import { z } from "zod";
import { chatOf, microsecondsOf } from "./events.ts";
import { slackLimits } from "./limits.ts";
import { storable } from "./plain-text.ts";

const text = z.string();

const slashCommand = z.object({
  command: text.min(1),
  text: text.optional(),
  trigger_id: text.min(1),
  channel_id: text.min(1),
  team_id: text.optional(),
  user_id: text.min(1),
  user_name: text.optional(),
});

const option = z.object({ value: text.optional(), text: z.object({ text: text }).optional() });
const action = z.object({
  action_id: text.optional(),
  action_ts: text.optional(),
  value: text.nullish(),
  text: z.object({ text: text }).optional(),
  selected_option: option.nullish(),
  selected_options: z.array(option).optional(),
  selected_date: text.nullish(),
  selected_time: text.nullish(),
  selected_user: text.nullish(),
  selected_channel: text.nullish(),
  selected_conversation: text.nullish(),
});
type Action = z.infer<typeof action>;

const blockActions = z.object({
  type: z.literal("block_actions"),
  trigger_id: text.min(1),
  team: z.object({ id: text }).nullish(),
  user: z.object({ id: text.min(1), username: text.optional(), name: text.optional() }),
  channel: z.object({ id: text.min(1) }),
  message: z.object({ ts: text.optional(), thread_ts: text.optional() }).nullish(),
  container: z.object({ message_ts: text.optional() }).nullish(),
  actions: z.array(action).min(1).max(slackLimits.actionsPerRequest),
});
type BlockActions = z.infer<typeof blockActions>;

const unknown: InboundEvent = { type: "ignored", what: "unknown_event" };

/** `/command text`: the text is the message. A command without one is its own name. */
export function readSlashCommand(fields: unknown, now: number): InboundEvent {
  const read = slashCommand.safeParse(fields);
  if (!read.success) return unknown;
  const command = read.data;
  return {
    type: "message",
    eventId: `command:${command.trigger_id}`,
    chat: chatOf(command.channel_id, command.team_id),
    sender: {
      id: command.user_id,
      ...(command.user_name === undefined ? {} : { username: command.user_name }),
      isBot: false,
    },
    text: storable(command.text?.trim() || command.command),
    messageId: command.trigger_id,
    mentionsAccount: true,
    media: [],
    sentAt: now,
  };
}

/** Buttons and menus: each action is a message with what was chosen. */
export function readInteraction(payload: unknown, now: number): readonly InboundEvent[] {
  const read = blockActions.safeParse(payload);
  if (!read.success) return [unknown];
  return read.data.actions.map((chosen, index) => actionOf(read.data, chosen, index, now));
}

function actionOf(payload: BlockActions, chosen: Action, index: number, now: number): InboundEvent {
  const words = wordsOf(chosen);
  if (words === "") return unknown;
  const { message, user, team } = payload;
  const thread = message?.thread_ts === message?.ts ? undefined : message?.thread_ts;
  const event: InboundMessageEvent = {
    type: "message",
    eventId: `action:${payload.trigger_id}:${index}`,
    chat: chatOf(payload.channel.id, team?.id, thread),
    sender: {
      id: user.id,
      ...(user.name === undefined ? {} : { name: user.name }),
      ...(user.username === undefined ? {} : { username: user.username }),
      isBot: false,
    },
    text: storable(words),
    messageId: message?.ts ?? payload.container?.message_ts ?? payload.trigger_id,
    mentionsAccount: true,
    media: [],
    sentAt: sentAt(chosen.action_ts, now),
  };
  return event;
}

function wordsOf(chosen: Action): string {
  const options = [
    ...(chosen.selected_options ?? []),
    ...(chosen.selected_option ? [chosen.selected_option] : []),
  ];
  if (options.length > 0) {
    return options.map(({ value, text: label }) => value || label?.text || "").join(", ");
  }
  const { value, selected_date, selected_time, selected_user, selected_channel } = chosen;
  const picked = selected_date ?? selected_time ?? selected_user ?? selected_channel;
  return value || picked || chosen.selected_conversation || chosen.text?.text || "";
}

function sentAt(actionTs: string | undefined, now: number): number {
  return actionTs !== undefined && /^\d{1,12}\.\d{1,9}$/.test(actionTs)
    ? Math.floor(microsecondsOf(actionTs) / 1_000)
    : now;
}
