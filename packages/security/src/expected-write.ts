import { HoldfastError, type KeyValue, limits } from "@holdfast/core";

/**
 * Writes if the key's revision is `revision` (0: it must not exist), and returns the new revision. When
 * an answer is lost it tries again and, on a conflict, reads who was first: a write that happened is
 * never reported as a conflict with itself. So `value` must hold something that only its writer knows,
 * or be the same whoever writes it. Errors: those of KeyValue.
 */
export async function updateExpecting(
  keyValue: KeyValue,
  bucket: string,
  key: string,
  value: Uint8Array,
  revision: number,
): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await keyValue.update(bucket, key, value, revision);
    } catch (thrown) {
      const code = codeOf(thrown);
      if (code === "revision_conflict" && tries > 1) {
        const found = await keyValue.get(bucket, key);
        if (found && Buffer.compare(found.value, value) === 0) return found.revision;
      }
      if (code !== "append_outcome_unknown" || tries >= limits.appendAttempts) throw thrown;
    }
  }
}

export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof HoldfastError ? thrown.code : undefined;
}
