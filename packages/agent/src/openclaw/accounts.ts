import type { Account, IdentityLink } from "@holdfast/core";
import { readAccess } from "./account-access.ts";
import { readSettings } from "./account-settings.ts";
import { type ReadBinding, readBindings } from "./bindings.ts";
import { type ImportedChannel, importedChannels } from "./channel-ids.ts";
import { ChannelLayers } from "./channel-layers.ts";
import { readSession } from "./identity-links.ts";
import { Names, openClawId } from "./names.ts";
import { leaveAccount, leaveChannels, leaveMail } from "./not-taken-channels.ts";
import type { RosterEntry } from "./roster.ts";
import type { Environment } from "./secrets.ts";
import type { Findings, Section } from "./section.ts";

export interface AccountsContext {
  readonly organization: string;
  readonly directory: string;
  readonly env: Environment;
  readonly secretFiles: ReadonlyMap<string, string>;
  readonly roster: readonly RosterEntry[];
  readonly findings: Findings;
}

/** Reads `channels`, `bindings` and `session` into accounts and identity links. */
export function readAccounts(
  root: Section,
  context: AccountsContext,
): { accounts: readonly Account[]; links: readonly IdentityLink[] } {
  const { findings, organization, roster } = context;
  const bindings = readBindings(root, roster, findings);
  const { scope, links } = readSession(root.section("session"), organization, findings);
  const channels = root.section("channels");
  const accessGroups = root.section("accessGroups");
  const defaults = channels?.section("defaults");
  const names = new Names("account", findings.errors);
  const drafts: Draft[] = [];
  for (const channel of importedChannels) {
    const section = channels?.section(channel);
    if (!section) continue;
    for (const found of accountsOf(section, channel)) {
      const draft = readAccount(found, { ...context, channel, names, accessGroups, defaults });
      if (draft) drafts.push({ ...draft, account: { ...draft.account, scope } });
    }
    leaveAccount(section, `channel ${channel}`);
  }
  const [first] = drafts;
  if (first && scope === "main") {
    const reason =
      "all direct chats of an agent share one conversation, as in OpenClaw: set scope to keep people apart";
    first.place.takeWhole("scope of direct chats", reason);
  }
  const accounts = drafts.map((draft) => bound(draft, bindings, context));
  for (const binding of bindings) {
    binding.settle(drafts.filter((draft) => isBound(draft, binding)).length);
  }
  defaults?.rest(
    "channels.defaults",
    () => "accounts say it themselves, or it has no counterpart here",
  );
  accessGroups?.rest(
    "accessGroups",
    () => "no account's list names it, or it is no list of people",
  );
  if (channels) leaveChannels(channels);
  leaveMail(root.section("plugins"));
  return { accounts, links };
}

interface Found {
  /** As OpenClaw compares it. */
  readonly id: string;
  /** As the file spells it. */
  readonly written: string;
  readonly own: Section;
  readonly shared: Section;
}

interface Draft {
  readonly account: Account;
  readonly id: string;
  readonly place: Section;
}

/** OpenClaw's account that is meant where none is named. */
const defaultId = "default";
/** Any of these beside `accounts` makes an account of the channel itself. */
const credentials: Readonly<Record<ImportedChannel, readonly string[]>> = {
  telegram: ["botToken", "tokenFile"],
  slack: ["botToken"],
  discord: ["token"],
  signal: ["account"],
};

function accountsOf(section: Section, channel: ImportedChannel): readonly Found[] {
  const accounts = section.section("accounts");
  const found = accounts ? declaredAccounts(accounts, section, channel) : [];
  const isDeclared = found.some(({ id }) => id === defaultId);
  const hasOwn = credentials[channel].some((key) => section.has(key));
  // With `accounts: {}` nothing is declared but the place for it.
  const isWhole = !accounts || hasOwn;
  if (accounts && found.length === 0 && !hasOwn) {
    section.leave("accounts", `channel ${channel}`, "it declares no account");
  }
  return isWhole && !isDeclared
    ? [{ id: defaultId, written: defaultId, own: section, shared: section }, ...found]
    : found;
}

/** Of keys that are one id to OpenClaw it takes the one that is spelled as that id, else the first. */
function declaredAccounts(accounts: Section, shared: Section, channel: ImportedChannel): Found[] {
  const found: Found[] = [];
  for (const [id, keys] of Map.groupBy(accounts.keys(), openClawId)) {
    const taken = keys.includes(id) ? id : keys[0];
    const shown = JSON.stringify(taken);
    const reason =
      id === ""
        ? "OpenClaw makes no account of such an id: expected letters a-z or digits"
        : `OpenClaw takes it and ${shown} for one account, ${id}: ${shown} is the one that counts`;
    for (const written of keys) {
      const own = accounts.section(written);
      if (!own) continue;
      if (written === taken && id !== "") found.push({ id, written, own, shared });
      else leaveOne(own, `account ${written} of ${channel}`, reason);
    }
  }
  return found;
}

function leaveOne(own: Section, subject: string, reason: string): void {
  own.leaveWhole(subject, `${reason}: the account is not imported`);
  leaveAccount(own, subject, `${subject} as a whole is not taken over`);
}

interface AccountContext extends AccountsContext {
  readonly channel: ImportedChannel;
  readonly names: Names;
  readonly accessGroups: Section | undefined;
  readonly defaults: Section | undefined;
}

function readAccount(found: Found, context: AccountContext): Draft | undefined {
  const { id, written, own, shared } = found;
  const { channel, organization, names } = context;
  const subject = `account ${written} of ${channel}`;
  const layers = new ChannelLayers(own, shared);
  const isOff = [own, shared].find((section) => section.boolean("enabled") === false);
  if (isOff) {
    isOff.leave("enabled", subject, "it is switched off");
    leaveAccount(own, subject, `${subject} is switched off`);
    return undefined;
  }
  if (layers.has("enabled")) layers.take("enabled", subject, "switched on");
  const isDefault = id === defaultId;
  const name = names.add(isDefault ? channel : `${channel}-${written}`, own.path);
  if (name === undefined) return undefined;
  const reading = readSettings(channel, layers, { ...context, account: name, subject, isDefault });
  if ("reason" in reading) {
    const place = own.has(reading.key) ? own : layers.holder(reading.key);
    place.leave(reading.key, subject, `${reading.reason}: the account is not imported`);
    leaveOne(own, subject, reading.reason);
    return undefined;
  }
  const access = readAccess(layers, { ...context, subject });
  const streaming = readStreaming(layers, channel, subject);
  leaveAccount(own, subject);
  own.takeWhole(subject, `as Account ${name}`);
  const account: Account = {
    kind: "Account",
    organization,
    name,
    channel,
    settings: reading.settings,
    access,
    ...(streaming && { streaming }),
  };
  return { account, id, place: own };
}

function readStreaming(
  layers: ChannelLayers,
  channel: ImportedChannel,
  subject: string,
): Account["streaming"] {
  const streaming = layers.section("streaming");
  const mode = streaming?.string("mode");
  streaming?.rest(`streaming of ${subject}`, () => "it has no counterpart here");
  if (mode === undefined) return undefined;
  const grows = mode === "partial" || mode === "block";
  const shown =
    channel === "slack"
      ? "Slack shows nothing while an answer is written"
      : "people see that somebody writes";
  const reason = grows ? `${shown}: answers do not grow as edits here` : shown;
  streaming?.take("mode", `streaming of ${subject}`, reason);
  return "typing";
}

/** The account with its bindings, and the agent that takes the rest. */
function bound(draft: Draft, bindings: readonly ReadBinding[], context: AccountsContext): Account {
  const { roster } = context;
  const own = bindings.filter((binding) => isBound(draft, binding));
  const rest = roster.length === 1 ? roster[0] : roster.find(({ isDefault }) => isDefault);
  return {
    ...draft.account,
    ...(rest && { agent: rest.name }),
    ...(own.length > 0 && { bindings: own.map(({ binding }) => binding) }),
  };
}

function isBound({ account, id }: Draft, binding: ReadBinding): boolean {
  if (binding.channel !== account.channel) return false;
  const { accountId } = binding;
  return accountId === "*" || (accountId || defaultId) === id;
}
