export * from "./fake-platform.ts";
export { type FakeTelegram, startFakeTelegram } from "./telegram/index.ts";
export * from "./whatsapp/index.ts";
export * from "./slack/index.ts";
export { type FakeDiscord, type FakeDiscordOptions, startFakeDiscord } from "./discord/index.ts";
export { type FakeEmail, type FakeEmailOptions, startFakeEmail } from "./email/index.ts";
export * from "./signal/index.ts";
export { startFakeWeb } from "./web/index.ts";
