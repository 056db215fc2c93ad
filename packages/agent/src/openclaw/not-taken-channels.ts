import { isImportedChannel } from "./channel-ids.ts";
import { isObject, type Section } from "./section.ts";

const whatsApp =
  "OpenClaw signs in as a phone's linked device, which WhatsApp allows no programs: register a number with the WhatsApp Business Platform, and declare an Account of the channel whatsapp";

/** Why channels are not imported. */
const channelReasons: Readonly<Record<string, string>> = {
  whatsapp: whatsApp,
  modelByChannel: "an agent has one model: bind chats to another agent instead",
};

const accountReasons: Readonly<Record<string, string>> = {
  name: "an account is called by its name in the file",
  defaultAccount: "every answer goes to where the message came from",
  accounts: "its accounts are taken over one by one",
  allowBots: "bots are never answered",
  botLoopProtection: "bots are never answered",
  historyLimit: "an agent reads what was said to it, not the group's other messages",
  dmHistoryLimit: "history is bounded by limits.maxContextChars of the agent",
  dms: "history is bounded by limits.maxContextChars of the agent",
  textChunkLimit: "answers are divided at the platform's own limit",
  streaming: "only its mode is taken over",
  mediaMaxMb: "files have one limit for all channels",
  commands: "chat commands are not supported",
  customCommands: "chat commands are not supported",
  slashCommand: "chat commands are not supported",
  execApprovals: "agents run no programs of their own",
  mentionPatterns: "only what the platform itself calls a mention counts",
  implicitMentions: "an answer to the account counts as a mention",
  direct: "single direct chats have no rules of their own",
  configWrites: "chats do not change settings",
  joinIntro: "an agent speaks when it is spoken to",
  proxy: "a node has its own network",
  network: "a node has its own network",
  dangerouslyAllowNameMatching: "people are known by their ids: names can change hands",
  userToken: "accounts here are bots, which do not read as a person",
  voice: "speech is not supported",
  accountUuid: "it is asked from signal-cli",
};

const unknown = "nothing here corresponds to it";

/** Reports what of an account, or of the part that all accounts share, nobody read. */
export function leaveAccount(section: Section, subject: string, instead?: string): void {
  section.rest(subject, (key) => instead ?? accountReasons[key] ?? unknown);
}

/** Reports the channels that no accounts are imported of, each of their settings by its own path. */
export function leaveChannels(channels: Section): void {
  for (const channel of channels.keys()) {
    if (isImportedChannel(channel) || channel === "defaults") continue;
    const reason = channelReasons[channel] ?? "there is no such channel here";
    const isSection = isObject(channels.any(channel));
    channels.leave(channel, `channel ${channel}`, reason);
    if (isSection) channels.section(channel)?.rest(`channel ${channel}`, () => reason);
  }
}

/** Mailboxes are read by a plugin there, which has no server to send with. */
export function leaveMail(plugins: Section | undefined): void {
  const config = plugins?.section("entries")?.section("imap")?.section("config");
  const accounts = config?.section("accounts");
  for (const id of accounts?.keys() ?? []) {
    const reason =
      "OpenClaw only reads mail: declare an Account of the channel email, with this mailbox and a server to send with";
    accounts?.leave(id, `mailbox ${id}`, reason);
  }
}
