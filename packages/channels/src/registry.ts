import type { Channel } from "@holdfast/core";
import { discord } from "./discord/index.ts";
import { email } from "./email/index.ts";
import { signal } from "./signal/index.ts";
import { slack } from "./slack/index.ts";
import { telegram } from "./telegram/index.ts";
import { web } from "./web/index.ts";
import { whatsapp } from "./whatsapp/index.ts";

/** Every channel, by the word that account resources name it with. A new one gets its line here. */
export const channels: ReadonlyMap<string, Channel> = new Map(
  [telegram, slack, discord, whatsapp, email, signal, web].map((channel) => [
    channel.kind,
    channel as Channel,
  ]),
);
