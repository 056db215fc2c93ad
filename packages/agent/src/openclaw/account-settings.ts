import { readCredential, readCredentialFile, type SecretContext } from "./account-secrets.ts";
import type { ImportedChannel } from "./channel-ids.ts";
import type { ChannelLayers } from "./channel-layers.ts";
import { hasSecretInUrl, substitute } from "./secrets.ts";
import type { Section } from "./section.ts";

export interface SettingsContext extends SecretContext {
  /** OpenClaw's account that the environment's credentials and those of the channel itself are of. */
  readonly isDefault: boolean;
}

/** The channel's settings, or why there can be no account with them. */
export type SettingsReading =
  | { readonly settings: Record<string, unknown> }
  | { readonly key: string; readonly reason: string };

/** Reads what an account signs in with. Credentials of the channel itself are those of the default account. */
export function readSettings(
  channel: ImportedChannel,
  layers: ChannelLayers,
  context: SettingsContext,
): SettingsReading {
  return readers[channel](layers, context);
}

type Reader = (layers: ChannelLayers, context: SettingsContext) => SettingsReading;

const readers: Readonly<Record<ImportedChannel, Reader>> = {
  telegram: readTelegram,
  slack: readSlack,
  discord: readDiscord,
  signal: readSignal,
};

function readTelegram(layers: ChannelLayers, context: SettingsContext): SettingsReading {
  const holder = keyHolder(layers, context, "tokenFile", "botToken");
  const file = readCredentialFile(holder, "tokenFile", context);
  const own = readCredential(
    holder,
    "botToken",
    context,
    fallback(context, file, "TELEGRAM_BOT_TOKEN"),
  );
  const token = file ?? own;
  if (!token) return { key: "botToken", reason: "it has no token of its own" };
  for (const key of [
    "webhookUrl",
    "webhookSecret",
    "webhookPath",
    "webhookHost",
    "webhookPort",
    "webhookCertPath",
  ]) {
    const reason =
      "the nodes have other addresses: it polls, until settings.webhook of the account is set";
    if (layers.has(key)) layers.leave(key, `${key} of ${context.subject}`, reason);
  }
  return withUrl(layers, "apiRoot", { token }, context);
}

function readSlack(layers: ChannelLayers, context: SettingsContext): SettingsReading {
  const mode = layers.string("mode") ?? "socket";
  if (layers.string("postAs") === "user") {
    return { key: "postAs", reason: "accounts here are bots, which do not write as a person" };
  }
  if (mode !== "socket" && mode !== "http") {
    return {
      key: "mode",
      reason: `its mode ${mode.slice(0, 40)} is not supported: socket and http are`,
    };
  }
  const holder = keyHolder(layers, context, "botToken");
  const botToken = readCredential(
    holder,
    "botToken",
    context,
    fallback(context, undefined, "SLACK_BOT_TOKEN"),
  );
  if (!botToken) return { key: "botToken", reason: "it has no token of its own" };
  const key = mode === "socket" ? "appToken" : "signingSecret";
  const variable = mode === "socket" ? "SLACK_APP_TOKEN" : "SLACK_SIGNING_SECRET";
  const second = readCredential(
    keyHolder(layers, context, key),
    key,
    context,
    fallback(context, undefined, variable),
  );
  if (!second) return { key, reason: `it has no ${key} of its own` };
  if (layers.has("mode")) layers.take("mode", `mode of ${context.subject}`, mode);
  if (mode === "http" && layers.has("webhookPath")) {
    const reason =
      "Slack has to post to the account's address here: change it in Slack's settings of the app";
    layers.leave("webhookPath", `webhookPath of ${context.subject}`, reason);
  }
  return { settings: { mode, botToken, [key]: second } };
}

function readDiscord(layers: ChannelLayers, context: SettingsContext): SettingsReading {
  const holder = keyHolder(layers, context, "token");
  const token = readCredential(
    holder,
    "token",
    context,
    fallback(context, undefined, "DISCORD_BOT_TOKEN"),
  );
  if (!token) return { key: "token", reason: "it has no token of its own" };
  const intents = layers.section("intents");
  const messageContent = intents?.boolean("messageContent");
  if (messageContent !== undefined) {
    intents?.take(
      "messageContent",
      `intents of ${context.subject}`,
      messageContent ? "asked for" : "not asked for",
    );
  }
  intents?.rest(`intents of ${context.subject}`, () => "it has no counterpart here");
  return { settings: { token, ...(messageContent !== undefined && { messageContent }) } };
}

function readSignal(layers: ChannelLayers, context: SettingsContext): SettingsReading {
  const number = layers.own.string("account") ?? layers.shared.string("account");
  if (number === undefined) return { key: "account", reason: "it names no phone number" };
  const holder = layers.own.has("transport") || !context.isDefault ? layers.own : layers.shared;
  const transport = holder.section("transport");
  const kind = transport?.string("kind") ?? "managed-native";
  if (kind === "container") {
    const reason =
      "the REST container is not spoken to: run signal-cli's own daemon with --http, and declare an Account with its address";
    return { key: "transport", reason };
  }
  if (transport?.has("socketPath")) {
    return {
      key: "transport",
      reason: "sockets are not supported: run signal-cli's daemon with --http",
    };
  }
  const host = transport?.string("httpHost") ?? "127.0.0.1";
  const port = transport?.number("httpPort") ?? signalPort;
  const url = readUrl(transport?.string("url") ?? `http://${host}:${port}`, context);
  if (url === undefined)
    return { key: "transport", reason: "its address cannot be read, or holds a secret" };
  if (url.startsWith("http:") && !isLoopback(url)) {
    return {
      key: "transport",
      reason: "the daemon has no passwords: beyond this machine it needs https",
    };
  }
  if (!/^\+[1-9]\d{4,14}$/.test(number)) {
    return { key: "account", reason: "expected its number as +491510000001" };
  }
  const what = `transport of ${context.subject}`;
  layers.holder("account").take("account", `number of ${context.subject}`, number);
  if (kind === "managed-native") {
    holder.leave("transport", what, `nothing here starts signal-cli: run it as a daemon at ${url}`);
  } else holder.take("transport", what, url);
  transport?.rest(what, () => "nothing here starts signal-cli");
  return { settings: { url, account: number } };
}

/** Where OpenClaw's signal-cli listens when nothing is said. */
const signalPort = 8080;

function keyHolder(
  layers: ChannelLayers,
  { isDefault }: SettingsContext,
  ...keys: string[]
): Section {
  return keys.some((key) => layers.own.has(key)) || !isDefault ? layers.own : layers.shared;
}

function fallback(
  { isDefault }: SettingsContext,
  found: unknown,
  name: string,
): string | undefined {
  return isDefault && found === undefined ? name : undefined;
}

function withUrl(
  layers: ChannelLayers,
  key: string,
  settings: Record<string, unknown>,
  context: SettingsContext,
): SettingsReading {
  const written = layers.string(key);
  if (written === undefined) return { settings };
  const url = readUrl(written, context);
  if (url === undefined) return { key, reason: "its address cannot be read, or holds a secret" };
  layers.take(key, `${key} of ${context.subject}`, url);
  return { settings: { ...settings, apiUrl: url } };
}

function isLoopback(url: string): boolean {
  const host = URL.parse(url)?.hostname ?? "";
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host);
}

function readUrl(written: string, { env }: SettingsContext): string | undefined {
  const { text, open } = substitute(written, env);
  if (open.length > 0 || hasSecretInUrl(text)) return undefined;
  return /^https?:$/.test(URL.parse(text)?.protocol ?? "") ? text.replace(/\/+$/, "") : undefined;
}
