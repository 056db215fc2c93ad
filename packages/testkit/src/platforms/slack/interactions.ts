import { randomUUID } from "node:crypto";
import type { Payload } from "./events.ts";
import { app, team } from "./workspace.ts";

/** `/ask text`, as Slack posts it. */
export function slashCommandPayload(channel: string, text: string): Payload {
  return {
    type: "slash_commands",
    body: {
      token: "verification-token-not-used",
      team_id: team,
      channel_id: channel,
      user_id: "U0FAKEADA",
      user_name: "ada",
      command: "/ask",
      text,
      api_app_id: app,
      is_enterprise_install: "false",
      response_url: "https://hooks.slack.com/commands/fake",
      trigger_id: `1.2.${randomUUID()}`,
    },
  };
}

/** A button under a message of the account. */
export function buttonPayload(channel: string, value: string): Payload {
  const ts = "1700000000.000100";
  return {
    type: "interactive",
    body: {
      type: "block_actions",
      team: { id: team, domain: "fake" },
      user: { id: "U0FAKEADA", username: "ada", name: "ada", team_id: team },
      api_app_id: app,
      container: { type: "message", message_ts: ts, channel_id: channel, is_ephemeral: false },
      trigger_id: `1.2.${randomUUID()}`,
      channel: { id: channel, name: "general" },
      message: { type: "message", ts, text: "Shall I?" },
      actions: [
        {
          type: "button",
          action_id: "answer",
          block_id: "b1",
          value,
          text: { type: "plain_text", text: "Yes" },
          action_ts: "1700000001.000200",
        },
      ],
    },
  };
}
