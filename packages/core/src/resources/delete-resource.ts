import { type ErrorDetail, HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { KeyValue } from "../ports/key-value.ts";
import {
  type Account,
  type Agent,
  type IdentityLink,
  type OwnedKind,
  ownedKinds,
  type Resource,
} from "../resources.ts";
import { deleteExpecting, writeExpecting } from "./expected-write.ts";
import type { LiveIndex } from "./live-index.ts";
import { usesAgent, usesProvider } from "./resource-rules.ts";
import { addressTitle, keyOf, parseStored, type ResourceAddress } from "./stored-resource.ts";

const usersNamed = 10;
const resourcesAtATime = 2_000;

/**
 * Deletes what nothing refers to. Looks again when its own deletion comes by in the watch, behind all that
 * was written before it, and puts the resource back if it is needed by then.
 * Errors: `not_found`, `resource_in_use`, `revision_conflict`, those of the port.
 */
export async function deleteResource(
  keyValue: KeyValue,
  live: LiveIndex,
  address: ResourceAddress,
): Promise<void> {
  const { index } = live;
  if (!index.find(address)) await live.refresh([address]);
  const entry = index.find(address);
  const title = addressTitle(address);
  if (!entry) throw new HoldfastError("not_found", `${title} does not exist.`);
  await throwIfUsed(address, live);

  const key = keyOf(address);
  try {
    await deleteExpecting(keyValue, key, entry.revision);
  } catch (thrown) {
    const error = toHoldfastError(thrown);
    if (error.code !== "revision_conflict") throw error;
    const message = `${title} was changed by somebody else at the same time.`;
    throw new HoldfastError("revision_conflict", message, { cause: error });
  }
  const isSeen = () => index.find(address)?.revision !== entry.revision;
  try {
    await live.until(isSeen, limits.resourceVisibleTimeoutMs, `the deletion of ${title}`);
  } catch (cause) {
    const message = `${title} is deleted, but this node cannot see yet whether it was needed.`;
    throw new HoldfastError("append_outcome_unknown", message, { cause });
  }
  try {
    await throwIfUsed(address, live);
  } catch (thrown) {
    const revision = await writeExpecting(keyValue, key, entry.text, 0);
    index.put(address, entry.text, revision);
    throw thrown;
  }
}

async function throwIfUsed(address: ResourceAddress, live: LiveIndex): Promise<void> {
  const users = await usersOf(address, live);
  if (users.length === 0) return;
  const title = addressTitle(address);
  const names = users.map(addressTitle);
  const details: ErrorDetail[] = names.map((path) => ({ path, message: `needs ${title}` }));
  const message = `${title} is still needed, by: ${names.join(", ")}.`;
  throw new HoldfastError("resource_in_use", message, { details });
}

/** The first few of those who need it. */
async function usersOf(address: ResourceAddress, live: LiveIndex): Promise<ResourceAddress[]> {
  const { kind, name } = address;
  if (kind === "Account" || kind === "IdentityLink") return [];
  if (kind === "Agent") {
    const accounts = await usersAmong("Account", address, live, `"${name}"`, namesAgent);
    return [
      ...accounts,
      ...(await usersAmong("IdentityLink", address, live, `"${name}"`, namesAgent)),
    ];
  }
  if (kind === "Provider") {
    const uses = (resource: Resource) => usesProvider(resource as Agent, name);
    return usersAmong("Agent", address, live, `"${name}/`, uses);
  }
  const users: ResourceAddress[] = [];
  for (const part of ownedKinds) {
    for (const found of live.index.walk(part, name, { organization: "", name: "" })) {
      if (users.length === usersNamed) return users;
      users.push(found.address);
    }
  }
  return users;
}

function namesAgent(resource: Resource, agent: string): boolean {
  return usesAgent(resource as Account | IdentityLink, agent);
}

/**
 * Those of one kind that use a resource. Most hold no `hint` and are passed over without being parsed. Lets
 * others work in between: an organization may have very many.
 */
async function usersAmong(
  kind: OwnedKind,
  { organization, name }: ResourceAddress,
  live: LiveIndex,
  hint: string,
  uses: (resource: Resource, name: string) => boolean,
): Promise<ResourceAddress[]> {
  const users: ResourceAddress[] = [];
  let last: string | undefined;
  for (;;) {
    let looked = 0;
    for (const found of live.index.walk(kind, organization, {
      organization: "",
      name: last ?? "",
    })) {
      if (found.address.name === last) continue;
      const { address, entry } = found;
      const isHinted = entry.text.includes(hint);
      if (isHinted && uses(entry.parsed ?? parseStored(address, entry.text), name)) {
        users.push(address);
      }
      if (users.length === usersNamed) return users;
      looked += 1;
      if (looked === resourcesAtATime) {
        last = found.address.name;
        break;
      }
    }
    if (looked < resourcesAtATime) return users;
    await live.breathe();
  }
}
