import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { KeyValue } from "../ports/key-value.ts";
import { resourceBucket, toBytes, toText } from "./stored-resource.ts";

/**
 * Writes if the key's revision is `revision` (0: it must not exist), and returns the new revision. When
 * an answer is lost it tries again and, if somebody was first, reads who: a write that happened is never
 * reported as a conflict with itself. Errors: those of the port.
 */
export async function writeExpecting(
  keyValue: KeyValue,
  key: string,
  text: string,
  revision: number,
): Promise<number> {
  return settled(
    () => keyValue.update(resourceBucket, key, toBytes(text), revision),
    async () => {
      const found = await keyValue.get(resourceBucket, key);
      return found && toText(found.value) === text ? found.revision : undefined;
    },
  );
}

/** Deletes if the key's revision is still `revision`. As `writeExpecting` when an answer is lost. */
export async function deleteExpecting(
  keyValue: KeyValue,
  key: string,
  revision: number,
): Promise<void> {
  await settled(
    () => keyValue.delete(resourceBucket, key, revision),
    async () => ((await keyValue.get(resourceBucket, key)) ? undefined : true),
  );
}

/** `evidence` of an earlier try's success is looked for when a later one meets a conflict. */
async function settled<T, E extends T | true>(
  attempt: () => Promise<T>,
  evidence: () => Promise<E | undefined>,
): Promise<T | E> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      const code = thrown instanceof HoldfastError ? thrown.code : undefined;
      const wasUnknown = tries > 1;
      if (code === "revision_conflict" && wasUnknown) {
        const found = await evidence();
        if (found !== undefined) return found;
      }
      if (code !== "append_outcome_unknown" || tries >= limits.appendAttempts) throw thrown;
    }
  }
}
