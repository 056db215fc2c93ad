import { secretRef } from "@holdfast/core";
import { z } from "zod";
import { serverUrl } from "../http/server-url.ts";

const common = {
  /** The bot's token (xoxb-...): who the account is, and what it sends with. */
  botToken: secretRef,
  /** Where the Web API stands; only for tests and gateways of one's own. */
  apiUrl: serverUrl().default("https://slack.com/api/"),
};

/** The `settings` of an account on Slack. */
export const slackSettings = z.discriminatedUnion("mode", [
  z.strictObject({
    /** Slack posts events, commands and actions to the account's address on any node. */
    mode: z.literal("http"),
    ...common,
    /** The app's signing secret, with which Slack signs every request. */
    signingSecret: secretRef,
  }),
  z.strictObject({
    /** The account's owner holds a WebSocket to Slack; no address of the nodes need be public. */
    mode: z.literal("socket"),
    ...common,
    /** The app-level token (xapp-...) with the scope connections:write. */
    appToken: secretRef,
  }),
]);
export type SlackSettings = z.infer<typeof slackSettings>;
