import type { IdentityLink } from "@holdfast/core";
import { isImportedChannel, personId } from "./channel-ids.ts";
import { idsOf } from "./channel-layers.ts";
import { Names } from "./names.ts";
import type { Findings, Section } from "./section.ts";

type Scope = "main" | "per-peer" | "per-channel-peer" | "per-account-channel-peer";
const scopes: readonly Scope[] = [
  "main",
  "per-peer",
  "per-channel-peer",
  "per-account-channel-peer",
];

export interface SessionReading {
  /** Of every account: OpenClaw's own default is `main`. */
  readonly scope: Scope;
  readonly links: readonly IdentityLink[];
}

/** Reads `session`: which chats share a conversation, and who is one person. */
export function readSession(
  session: Section | undefined,
  organization: string,
  findings: Findings,
): SessionReading {
  const scope = readScope(session);
  const links = readLinks(session?.section("identityLinks"), organization, findings);
  if (links.length > 0 && scope === "main") {
    session?.leave(
      "identityLinks",
      "identity links",
      "they have no effect while all direct chats share one conversation",
    );
  }
  session?.rest("session", (key) => sessionReasons[key] ?? "it has no counterpart here");
  return { scope, links };
}

const resets = "conversations are not reset: they go on until somebody begins another";
const sessionReasons: Readonly<Record<string, string>> = {
  groupScope: "groups have conversations of their own",
  reset: resets,
  resetByType: resets,
  resetByChannel: resets,
  resetTriggers: resets,
  idleMinutes: resets,
  store: "conversations are kept by the cluster",
  maintenance: "conversations are kept by the cluster",
  threadBindings: "a thread belongs to the agent of its chat",
  scope: "every agent has conversations of its own",
  sendPolicy: "every answer is sent",
};

function readScope(session: Section | undefined): Scope {
  const written = session?.string("dmScope");
  if (written === undefined) return "main";
  const scope = scopes.find((known) => known === written);
  if (scope === undefined) session?.wrong("dmScope", scopes.join(", "), "another word");
  else session?.take("dmScope", "scope of direct chats", `${scope}, for every account`);
  return scope ?? "per-account-channel-peer";
}

function readLinks(
  section: Section | undefined,
  organization: string,
  findings: Findings,
): readonly IdentityLink[] {
  const names = new Names("person", findings.errors);
  const owners = new Map<string, string>();
  const links: IdentityLink[] = [];
  for (const person of section?.keys() ?? []) {
    const subject = `person ${person}`;
    const written = (section && idsOf(section, person)) ?? [];
    const identities: IdentityLink["identities"] = [];
    for (const entry of written) {
      const identity = readIdentity(entry);
      const reason = "reason" in identity ? identity.reason : takenBy(owners, identity, person);
      if (reason !== undefined) section?.leave(person, `${entry} of ${subject}`, reason);
      else if ("id" in identity) identities.push(identity);
    }
    const kept = identities.slice(0, identitiesMax);
    if (kept.length < identities.length)
      section?.leave(person, subject, `a person has at most ${identitiesMax} identities`);
    const name = kept.length > 0 ? names.add(person, section?.at(person) ?? person) : undefined;
    if (name === undefined) {
      section?.leave(person, subject, "none of the identities is of a channel that is imported");
      continue;
    }
    links.push({ kind: "IdentityLink", organization, name, identities: kept });
    section?.take(person, subject, `as IdentityLink ${name}`);
  }
  return links;
}

const identitiesMax = 64;

function readIdentity(entry: string): IdentityLink["identities"][number] | { reason: string } {
  const colon = entry.indexOf(":");
  const lead = entry.slice(0, Math.max(0, colon)).trim().toLowerCase();
  const channel = lead === "tg" ? "telegram" : lead;
  if (colon === -1) return { reason: "expected the channel before it, as telegram:123" };
  if (!isImportedChannel(channel))
    return { reason: `accounts of ${JSON.stringify(channel.slice(0, 40))} are not imported` };
  const id = personId(channel, entry);
  return id === undefined ? { reason: "expected an id: names can change hands" } : { channel, id };
}

/** In OpenClaw the first link of an identity wins. */
function takenBy(
  owners: Map<string, string>,
  { channel, id }: { channel: string; id: string },
  person: string,
): string | undefined {
  const key = `${channel}:${id.toLowerCase()}`;
  const owner = owners.get(key);
  if (owner === undefined) owners.set(key, person);
  return owner === undefined ? undefined : `it already belongs to ${owner}`;
}
