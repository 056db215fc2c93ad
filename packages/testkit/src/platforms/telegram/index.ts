export { type FakeTelegram, startFakeTelegram } from "./fake-telegram.ts";
