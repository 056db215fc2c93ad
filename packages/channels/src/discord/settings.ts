import { secretRef } from "@holdfast/core";
import { z } from "zod";
import { serverUrl } from "../http/server-url.ts";

const snowflake = z.string().regex(/^\d{15,20}$/, "expected an id of Discord, 15 to 20 digits");

/** Slash commands that Discord posts to the account's address. */
const interactions = z.strictObject({
  /** "Application ID" of the developer portal. */
  applicationId: snowflake,
  /** "Public Key" of the developer portal: what Discord signs with. Not a secret. */
  publicKey: z.string().regex(/^[0-9a-f]{64}$/i, "expected the public key, 64 hexadecimal digits"),
  /** The command that people call; it is registered when the account starts. */
  command: z
    .string()
    .regex(/^[a-z0-9_-]{1,32}$/, "expected 1 to 32 of a-z, 0-9, _ and -")
    .default("ask"),
});

export const discordSettings = z
  .strictObject({
    /** The bot's token. */
    token: secretRef,
    /** Listens to messages through the gateway. Without it only slash commands arrive. */
    gateway: z.boolean().default(true),
    interactions: interactions.optional(),
    /**
     * Asks for the text of all messages, which the developer portal has to allow ("Message Content Intent").
     * Without it the bot reads direct messages and messages that mention it.
     */
    messageContent: z.boolean().default(true),
    /** Base of the REST API, with its version. */
    apiUrl: serverUrl().default("https://discord.com/api/v10"),
    /** Instead of the gateway that Discord names. */
    gatewayUrl: serverUrl("ws").optional(),
  })
  .refine((settings) => settings.gateway || settings.interactions !== undefined, {
    error: "expected the gateway, interactions, or both: otherwise nothing is ever received",
    path: ["gateway"],
  });

export type DiscordSettings = z.infer<typeof discordSettings>;
