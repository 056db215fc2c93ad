import { type ErrorDetail, HoldfastError, toHoldfastError } from "../errors.ts";
import type { KeyValue } from "../ports/key-value.ts";
import type { AppliedResource } from "../resource-store.ts";
import { type Resource, resourceKinds } from "../resources.ts";
import { canonicalJson } from "./canonical-json.ts";
import { eachBounded } from "./each-bounded.ts";
import { deleteExpecting, writeExpecting } from "./expected-write.ts";
import type { LiveIndex } from "./live-index.ts";
import type { StoredEntry } from "./parsed-cache.ts";
import type { CheckedResource } from "./resource-check.ts";
import type { ResourceIndex } from "./resource-index.ts";
import { referencesOf } from "./resource-rules.ts";
import { addressTitle, keyOf, parseStored, resourceBucket } from "./stored-resource.ts";

/** What a checked resource changes. */
export interface PlannedChange extends CheckedResource {
  readonly applied: AppliedResource;
  readonly known: StoredEntry | undefined;
}

/** Those who are referred to are written first, so that no node sees a resource without them. */
const stages = resourceKinds;

/** Errors: `home_too_new`: what a newer version wrote is not overwritten. */
export function planChanges(
  checked: readonly CheckedResource[],
  index: ResourceIndex,
): PlannedChange[] {
  return checked.map((one) => {
    const known = index.find(one.address);
    const before = known && readableBefore(one, known);
    const isSame =
      before !== undefined &&
      (known?.text === one.text || canonicalJson(before) === canonicalJson(one.resource));
    const change = known === undefined ? "created" : isSame ? "unchanged" : "changed";
    const { kind, organization, name } = one.address;
    const applied: AppliedResource = {
      kind,
      ...(organization === undefined ? {} : { organization }),
      name,
      change,
      ...(before === undefined ? {} : { before }),
    };
    return { ...one, applied, known };
  });
}

/** A stored resource that cannot be read may be replaced: that is how it is mended. */
function readableBefore({ address }: CheckedResource, known: StoredEntry): Resource | undefined {
  try {
    return known.parsed ?? parseStored(address, known.text);
  } catch (thrown) {
    if (thrown instanceof HoldfastError && thrown.code === "data_corrupt") return undefined;
    throw thrown;
  }
}

/**
 * Writes what is created or changed, each compare-and-set. When one write fails, those before it are
 * taken back; whatever could not be taken back is named in the details of the error, which then is
 * `append_outcome_unknown`.
 */
export async function writeChanges(
  keyValue: KeyValue,
  live: LiveIndex,
  plan: readonly PlannedChange[],
): Promise<void> {
  const wanted = plan.filter(({ applied }) => applied.change !== "unchanged");
  const written = new Map<PlannedChange, number>();
  const doubtful: PlannedChange[] = [];
  const write = async (change: PlannedChange) => {
    try {
      const { key, text, known } = change;
      written.set(change, await writeExpecting(keyValue, key, text, known?.revision ?? 0));
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      if (error.retry === "unknown-outcome") doubtful.push(change);
      throw named(error, change);
    }
  };
  try {
    for (const stage of stages) {
      await eachBounded(
        wanted.filter(({ address }) => address.kind === stage),
        write,
      );
    }
    await checkReferencesStand(keyValue, wanted);
  } catch (thrown) {
    // All that was begun has ended here, so that nothing is written after it was taken back.
    const left = await takeBack(keyValue, live.index, written);
    const error = toHoldfastError(thrown);
    if (error.code === "revision_conflict") await catchUp(live, wanted);
    throw failure(error, left, doubtful);
  }
  for (const [{ address, text }, revision] of written) live.index.put(address, text, revision);
}

/** After a conflict the newer values are taken in at once, so that a repeat does not meet the same one. */
async function catchUp(live: LiveIndex, changes: readonly PlannedChange[]): Promise<void> {
  try {
    await live.refresh(changes.map(({ address }) => address));
  } catch {
    // The watch brings them too; the caller is told of the conflict, not of this.
  }
}

/**
 * Somebody may have deleted what a resource refers to while it was written. Who deletes looks for
 * references after the deletion, who applies looks for what is referred to after the write: of two that
 * meet, at least one sees the other.
 */
async function checkReferencesStand(
  keyValue: KeyValue,
  written: readonly PlannedChange[],
): Promise<void> {
  const needed = new Map(
    written
      .flatMap(({ resource, at }) => referencesOf(resource, at))
      .map(({ to }) => [keyOf(to), to] as const),
  );
  await eachBounded([...needed], async ([key, address]) => {
    if (await keyValue.get(resourceBucket, key)) return;
    const message = `${addressTitle(address)} was deleted while resources that need it were applied.`;
    throw new HoldfastError("revision_conflict", message);
  });
}

/** In the reverse order of writing. Returns what stays written. */
async function takeBack(
  keyValue: KeyValue,
  index: ResourceIndex,
  written: ReadonlyMap<PlannedChange, number>,
): Promise<PlannedChange[]> {
  const left: PlannedChange[] = [];
  for (const stage of stages.toReversed()) {
    const changes = [...written].filter(([{ address }]) => address.kind === stage);
    await eachBounded(changes, async ([change, revision]) => {
      const { key, address, known } = change;
      try {
        if (!known) return await deleteExpecting(keyValue, key, revision);
        index.put(address, known.text, await writeExpecting(keyValue, key, known.text, revision));
      } catch {
        // Told to the caller by name, with the failure that led here.
        left.push(change);
      }
    });
  }
  return left;
}

function failure(
  error: HoldfastError,
  left: readonly PlannedChange[],
  doubtful: readonly PlannedChange[],
): HoldfastError {
  const details: ErrorDetail[] = [
    ...error.details,
    ...left.map((change) => detail(change, "was written and could not be taken back")),
    ...doubtful.map((change) => detail(change, "may have been written")),
  ];
  const isWhole = left.length + doubtful.length === 0;
  const end = isWhole ? "Nothing was applied." : "A part of the set was applied: see the details.";
  return new HoldfastError(
    isWhole ? error.code : "append_outcome_unknown",
    `${error.message} ${end}`,
    {
      details,
      cause: error,
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    },
  );
}

function detail({ at, address }: PlannedChange, what: string): ErrorDetail {
  return { path: at, message: `${addressTitle(address)} ${what}` };
}

function named(error: HoldfastError, change: PlannedChange): HoldfastError {
  const said =
    error.code === "revision_conflict"
      ? `${addressTitle(change.address)} was changed by somebody else at the same time.`
      : error.message;
  return new HoldfastError(error.code, said, {
    details: [detail(change, "could not be written")],
    cause: error,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  });
}
