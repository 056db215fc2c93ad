import { signedRequest } from "../../packages/testkit/src/platforms/slack/post-webhook.ts";
import { type Chat, chatOf, markOf, organization, secrets, type World } from "./platforms.ts";

const filler =
  "could you tell me when the next train to the coast leaves, and whether I can take my bicycle";

/** A whole signed webhook, head and body, in ASCII. */
export function webhookText(message: number, world: World, host: string): string {
  const chat = chatOf(message, world);
  const { headers, body } =
    chat.platform === "slack" ? slackEvent(message, chat) : telegramUpdate(message, chat);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return (
    `POST /channels/${organization}/${chat.account} HTTP/1.1\r\nhost: ${host}\r\n` +
    `${lines.join("")}content-length: ${body.length}\r\n\r\n${body}`
  );
}

function slackEvent(message: number, { number }: Chat) {
  const seconds = Math.floor(Date.now() / 1_000);
  const ts = `${seconds}.${String(message % 1_000_000).padStart(6, "0")}`;
  const event = {
    type: "message",
    channel: `D${1_000_000 + number}`,
    channel_type: "im",
    user: `U${1_000_000 + number}`,
    team: "T0BENCH",
    text: `${markOf(message)} ${filler}`,
    ts,
    event_ts: ts,
  };
  const body = {
    type: "event_callback",
    team_id: "T0BENCH",
    api_app_id: "A0BENCH",
    event,
    event_id: `Ev${message}`,
    event_time: seconds,
    authorizations: [{ team_id: "T0BENCH", user_id: "U0BENCHBOT", is_bot: true }],
  };
  return signedRequest({ type: "events_api", body }, secrets.BENCH_SLACK_SIGNING);
}

function telegramUpdate(message: number, { number }: Chat) {
  const person = { id: 700_000_000 + number, first_name: `Person ${number}` };
  const update = {
    update_id: message + 1,
    message: {
      message_id: message + 1,
      date: Math.floor(Date.now() / 1_000),
      chat: { ...person, type: "private" },
      from: { ...person, is_bot: false },
      text: `${markOf(message)} ${filler}`,
    },
  };
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "x-telegram-bot-api-secret-token": secrets.BENCH_TELEGRAM_SECRET,
  };
  return { headers, body: JSON.stringify(update) };
}
