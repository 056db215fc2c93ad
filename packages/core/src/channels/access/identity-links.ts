import type { ErrorDetail } from "../../errors.ts";
import type { IdentityLink } from "../../resources.ts";
import { idsOf, writtenId } from "./identities.ts";

/** Who a sender is, as far as a link says so. */
export interface IdentityLinks {
  /** The person's name. */
  personOf(identity: SenderIdentity): string | undefined;
}

export interface SenderIdentity {
  readonly organization: string;
  readonly channel: string;
  readonly account: string;
  readonly id: string;
  readonly username?: string | undefined;
  /** The agent that takes the message: a link may hold for one agent alone. */
  readonly agent: string;
}

interface Linked {
  readonly person: string;
  readonly agent: string | undefined;
}

/**
 * Links as they are looked up, one look a message. An identity of two links, which `linkFaults` finds before
 * links are applied, belongs to nobody: two people are never taken for one.
 */
export function indexIdentityLinks(links: Iterable<IdentityLink>): IdentityLinks {
  const found = new Map<string, Linked | "several">();
  const put = (key: string, linked: Linked) => {
    const other = found.get(key);
    const isOther = other !== undefined && (other === "several" || other.person !== linked.person);
    found.set(key, isOther ? "several" : linked);
  };
  for (const { organization, name, agent, identities } of links) {
    for (const { channel, account, id } of identities) {
      const written = writtenId(channel, id);
      if (written === undefined) continue;
      put(keyOf(organization, channel, account, written), { person: name, agent });
    }
  }
  return {
    personOf({ organization, channel, account, agent, ...sender }) {
      const keys = idsOf(channel, sender).flatMap((id) => [
        keyOf(organization, channel, account, id),
        keyOf(organization, channel, undefined, id),
      ]);
      const all = keys.flatMap((key) => found.get(key) ?? []);
      // An id of one and a number of another is nobody, too.
      const people = new Set(all.map((one) => (one === "several" ? undefined : one.person)));
      const [linked] = all;
      if (linked === undefined || linked === "several" || people.size > 1) return undefined;
      return linked.agent === undefined || linked.agent === agent ? linked.person : undefined;
    },
  };
}

/**
 * Identities of an organization's links that more than one of them names; the paths are
 * `<name>.identities[2]`. An identity without an account stands for all accounts of its channel.
 */
export function linkFaults(links: Iterable<IdentityLink>): ErrorDetail[] {
  const all = [...links];
  const accounts = new Map<string, Map<string | undefined, string>>();
  const faults: ErrorDetail[] = [];
  for (const { organization, name, identities } of all) {
    for (const [i, { channel, account, id }] of identities.entries()) {
      const written = writtenId(channel, id);
      if (written === undefined) continue;
      const key = keyOf(organization, channel, undefined, written);
      const owners = accounts.get(key) ?? new Map<string | undefined, string>();
      accounts.set(key, owners);
      const rivals =
        account === undefined ? [...owners.values()] : [owners.get(account), owners.get(undefined)];
      const rival = rivals.find((one) => one !== undefined && one !== name);
      if (rival !== undefined) {
        const message = `${id} on ${channel} already belongs to the identity link ${rival}: expected an identity of no other link`;
        faults.push({ path: `${name}.identities[${i}]`, message });
      } else owners.set(account, name);
    }
  }
  return faults;
}

function keyOf(
  organization: string,
  channel: string,
  account: string | undefined,
  foldedId: string,
): string {
  return JSON.stringify([organization, channel, account ?? null, foldedId]);
}
