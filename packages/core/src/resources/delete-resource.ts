import { type ErrorDetail, HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { KeyValue } from "../ports/key-value.ts";
import type { Agent } from "../resources.ts";
import { deleteExpecting, writeExpecting } from "./expected-write.ts";
import type { LiveIndex } from "./live-index.ts";
import type { FoundEntry, ResourceIndex } from "./resource-index.ts";
import { usesProvider } from "./resource-rules.ts";
import { addressTitle, keyOf, parseStored, type ResourceAddress } from "./stored-resource.ts";

const usersNamed = 10;

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
  throwIfUsed(address, index);

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
    throwIfUsed(address, index);
  } catch (thrown) {
    const revision = await writeExpecting(keyValue, key, entry.text, 0);
    index.put(address, entry.text, revision);
    throw thrown;
  }
}

function throwIfUsed(address: ResourceAddress, index: ResourceIndex): void {
  const users = usersOf(address, index);
  const details: ErrorDetail[] = [];
  for (const { address: user } of users) {
    details.push({ path: addressTitle(user), message: `needs ${addressTitle(address)}` });
    if (details.length === usersNamed) break;
  }
  if (details.length === 0) return;
  const names = details.map(({ path }) => path).join(", ");
  const message = `${addressTitle(address)} is still needed, by: ${names}.`;
  throw new HoldfastError("resource_in_use", message, { details });
}

function* usersOf(
  { kind, organization, name }: ResourceAddress,
  index: ResourceIndex,
): Generator<FoundEntry> {
  const start = { organization: "", name: "" };
  if (kind === "Organization") {
    yield* index.walk("Provider", name, start);
    yield* index.walk("Agent", name, start);
  }
  if (kind !== "Provider") return;
  for (const found of index.walk("Agent", organization, start)) {
    // Most agents are passed over without being parsed.
    if (!found.entry.text.includes(`"${name}/`)) continue;
    const agent = found.entry.parsed ?? parseStored(found.address, found.entry.text);
    if (usesProvider(agent as Agent, name)) yield found;
  }
}
