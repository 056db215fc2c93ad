import { createHmac, randomUUID } from "node:crypto";
import {
  type FakeDiscord,
  type FakePlatform,
  type FakeSlack,
  type FakeTelegram,
  startFakeDiscord,
  startFakeSlack,
  startFakeTelegram,
  startFakeWhatsApp,
} from "../../packages/testkit/src/platforms/index.ts";
import { speed } from "./one-node.ts";

type Headers = Readonly<Record<string, string>>;

/** A platform that delivers by webhooks, and how it would sign any bytes. */
export interface WebhookPlatform {
  readonly fake: FakePlatform;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
  /** Settings with which the same account is signed for by another secret, of the variable `OTHER_SECRET`. */
  readonly otherSettings: Readonly<Record<string, unknown>>;
  /** As the platform signed it so long ago. */
  readonly sign: (body: string, ageMs?: number) => Headers;
  /** Whether the signature tells when it was made. */
  readonly tellsTime: boolean;
  /** A message of a person, with an id of its own. */
  message(text: string): string;
  /** The name of the chat that the messages are in, as the fake knows it. */
  readonly chat: string;
  readonly conversation: string;
}

export const otherSecret = "secret-of-another-account_02";
const other = { fromEnv: "OTHER_SECRET" };
const person = 4_711;
const now = () => Math.floor(Date.now() / 1_000);

export async function startWebhookPlatforms(): Promise<readonly WebhookPlatform[]> {
  const [telegram, slack, discord, otherDiscord, whatsapp] = await Promise.all([
    startFakeTelegram({ speed }),
    startFakeSlack({ speed }),
    startFakeDiscord({ speed }),
    startFakeDiscord({ speed }),
    startFakeWhatsApp({ speed }),
  ]);
  const { settings: otherKey } = otherDiscord.account("webhook");
  await otherDiscord.close();
  return [
    telegramPlatform(telegram),
    slackPlatform(slack),
    discordPlatform(discord, otherKey),
    whatsAppPlatform(whatsapp),
  ];
}

function telegramPlatform(fake: FakeTelegram): WebhookPlatform {
  const { settings, env } = fake.account("webhook");
  let updates = 9_000_000;
  fake.chatId(String(person));
  return {
    fake,
    settings,
    env,
    otherSettings: { ...settings, webhook: { ...(settings["webhook"] as object), secret: other } },
    sign: () => ({ "x-telegram-bot-api-secret-token": fake.secret }),
    tellsTime: false,
    message(text) {
      updates += 1;
      return JSON.stringify({
        update_id: updates,
        message: {
          message_id: updates,
          date: now(),
          chat: { id: person, type: "private", first_name: "Ada" },
          from: { id: person, is_bot: false, first_name: "Ada" },
          text,
        },
      });
    },
    chat: String(person),
    conversation: `telegram:telegram:direct:${person}`,
  };
}

function slackPlatform(fake: FakeSlack): WebhookPlatform {
  const { settings, env } = fake.account("webhook");
  const channel = fake.channelOf("D04711ADA");
  let messages = 0;
  return {
    fake,
    settings,
    env,
    otherSettings: { ...settings, signingSecret: other },
    sign(body, ageMs = 0) {
      const at = now() - Math.floor(ageMs / 1_000);
      const hash = createHmac("sha256", fake.signingSecret).update(`v0:${at}:${body}`);
      return {
        "x-slack-request-timestamp": String(at),
        "x-slack-signature": `v0=${hash.digest("hex")}`,
      };
    },
    tellsTime: true,
    message(text) {
      messages += 1;
      return JSON.stringify({
        type: "event_callback",
        team_id: "T0FAKETEAM",
        api_app_id: "A0FAKEAPP",
        event_id: `Ev${randomUUID()}`,
        authorizations: [{ team_id: "T0FAKETEAM", user_id: fake.botUser, is_bot: true }],
        event: {
          type: "message",
          channel,
          channel_type: "im",
          user: "U04711ADA",
          ts: `${now()}.${String(messages).padStart(6, "0")}`,
          text,
        },
      });
    },
    chat: channel,
    conversation: "slack:slack:direct:U04711ADA",
  };
}

function discordPlatform(
  fake: FakeDiscord,
  { interactions }: Readonly<Record<string, unknown>>,
): WebhookPlatform {
  const { settings, env } = fake.account("webhook");
  const message = (text: string) =>
    JSON.stringify(fake.command({ chat: "ada", sender: "ada", text }, randomUUID()));
  // The chat is known from here on.
  message("");
  return {
    fake,
    settings,
    env,
    otherSettings: { ...settings, interactions },
    sign: (body, ageMs = 0) => ({ ...fake.signed(body, Date.now() - ageMs) }),
    tellsTime: true,
    message,
    chat: "ada",
    conversation: `discord:discord:direct:${fake.ids.user("ada")}`,
  };
}

function whatsAppPlatform(fake: Awaited<ReturnType<typeof startFakeWhatsApp>>): WebhookPlatform {
  const { settings, env } = fake.account("webhook");
  const chat = "49304711";
  return {
    fake,
    settings,
    env,
    otherSettings: { ...settings, appSecret: other },
    sign(body) {
      const secret = env["FAKE_WHATSAPP_APP_SECRET"] ?? "";
      const hash = createHmac("sha256", secret).update(body).digest("hex");
      return { "x-hub-signature-256": `sha256=${hash}` };
    },
    tellsTime: false,
    message: (text) =>
      JSON.stringify({
        object: "whatsapp_business_account",
        entry: [
          {
            id: settings["businessAccountId"],
            changes: [
              {
                field: "messages",
                value: {
                  messaging_product: "whatsapp",
                  metadata: { phone_number_id: settings["phoneNumberId"] },
                  contacts: [{ wa_id: chat, profile: { name: "Ada" } }],
                  messages: [
                    {
                      from: chat,
                      id: `wamid.${randomUUID()}`,
                      timestamp: String(now()),
                      type: "text",
                      text: { body: text },
                    },
                  ],
                },
              },
            ],
          },
        ],
      }),
    chat,
    conversation: `whatsapp:whatsapp:direct:${chat}`,
  };
}
