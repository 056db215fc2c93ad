import type { AccountBinding } from "@holdfast/core";
import { groupId, type ImportedChannel, isImportedChannel } from "./channel-ids.ts";
import { openClawId } from "./names.ts";
import type { RosterEntry } from "./roster.ts";
import { type Findings, isObject, Section } from "./section.ts";

/** A binding, and which accounts it is of. */
export interface ReadBinding {
  readonly channel: ImportedChannel;
  /** As OpenClaw compares it: `*` for all of the channel, empty for the default one. */
  readonly accountId: string;
  readonly binding: AccountBinding;
  /** Notes whether an account has taken it. */
  settle(accounts: number): void;
}

/** Reads `bindings[]` in the order of the file, which decides between two alike. */
export function readBindings(
  root: Section,
  roster: readonly RosterEntry[],
  findings: Findings,
): readonly ReadBinding[] {
  const list = root.list("bindings") ?? [];
  const bindings = list.flatMap((value, index) => {
    const path = `bindings[${index}]`;
    if (!isObject(value)) {
      findings.errors.push({ path, message: "expected an object" });
      return [];
    }
    const binding = readBinding(new Section(value, path, findings), `binding ${index + 1}`, roster);
    return binding ? [binding] : [];
  });
  if (list.length > 0) {
    root.take(
      "bindings",
      "bindings",
      `${bindings.length} of ${list.length} can be kept by accounts`,
    );
  }
  return bindings;
}

function readBinding(
  section: Section,
  subject: string,
  roster: readonly RosterEntry[],
): ReadBinding | undefined {
  const agentId = section.string("agentId");
  const type = section.string("type");
  const match = section.section("match");
  const channel = match?.string("channel")?.trim().toLowerCase() ?? "";
  const account = match?.string("accountId")?.trim() ?? "";
  section.any("comment");
  const agent = agentId === undefined ? undefined : agentOf(agentId, roster);
  const refused =
    type !== undefined && type !== "route"
      ? `bindings of type ${type.slice(0, 40)} are not supported`
      : agent === undefined
        ? `there is no agent ${JSON.stringify(agentId?.slice(0, 100))}`
        : !isImportedChannel(channel)
          ? `accounts of the channel ${JSON.stringify(channel.slice(0, 40))} are not imported`
          : undefined;
  if (refused !== undefined || agent === undefined || !isImportedChannel(channel) || !match) {
    section.leaveWhole(subject, refused ?? "it matches nothing");
    return undefined;
  }
  if (section.has("session")) {
    section.leave(
      "session",
      subject,
      "which chats share a conversation is said by scope of the account",
    );
  }
  const found = readMatch(match, channel, subject);
  section.rest(subject, () => "it has no counterpart here");
  match.rest(subject, () => "it has no counterpart here: the binding is not taken over");
  // Leaving a condition out would give the agent more chats than it has there.
  const unread = match.keys().find((key) => !matchKeys.includes(key));
  if (!found || unread !== undefined) {
    if (found) section.leaveWhole(subject, `${unread} cannot be matched`);
    return undefined;
  }
  return {
    channel,
    accountId: account === "*" ? account : openClawId(account),
    binding: { agent, ...found, ...(account === "*" && { anyAccount: true as const }) },
    settle(accounts) {
      if (accounts > 0) section.takeWhole(subject, `to agent ${agent}, in ${accounts} account(s)`);
      else section.leaveWhole(subject, "its account is not imported");
    },
  };
}

function agentOf(agentId: string, roster: readonly RosterEntry[]): string | undefined {
  const wanted = openClawId(agentId);
  return roster.find(({ id }) => openClawId(id) === wanted)?.name;
}

const matchKeys = ["channel", "accountId", "peer", "parentPeer", "guildId", "teamId", "roles"];
const peerKinds: Readonly<Record<string, "direct" | "group" | "channel">> = {
  direct: "direct",
  dm: "direct",
  group: "group",
  channel: "channel",
};

function readMatch(
  match: Section,
  channel: ImportedChannel,
  subject: string,
): Omit<AccountBinding, "agent"> | undefined {
  const peer = match.section("peer");
  const parent = match.section("parentPeer");
  const guild = idAt(match, "guildId");
  const team = idAt(match, "teamId");
  const roles = match.strings("roles");
  const peers = [peer, parent].map((section) => section && readPeer(section, channel));
  if ((peer && !peers[0]) || (parent && !peers[1])) {
    match.leave("peer", subject, "expected a peer with kind (direct, group, channel) and id");
    return undefined;
  }
  const [wanted, under] = peers;
  return {
    ...(wanted && { peer: wanted }),
    ...(under && { parentPeer: under }),
    ...(guild !== undefined && { guild }),
    ...(team !== undefined && { team }),
    ...(roles && roles.length > 0 && { roles: [...roles] }),
  };
}

function readPeer(section: Section, channel: ImportedChannel): AccountBinding["peer"] | undefined {
  const kind = peerKinds[section.string("kind") ?? ""];
  const written = idAt(section, "id");
  if (kind === undefined || written === undefined) return undefined;
  return { kind, id: kind === "direct" ? written : groupId(channel, written) };
}

/** Ids are written as texts or as numbers. */
function idAt(section: Section, key: string): string | undefined {
  const value = section.any(key);
  if (value === undefined) return undefined;
  const id = typeof value === "string" || typeof value === "number" ? String(value).trim() : "";
  if (id === "") section.wrong(key, "an id");
  return id === "" ? undefined : id;
}
