import { HoldfastError, type KeyValue, limits } from "@holdfast/core";

/**
 * Writes if the key's revision is `revision` (0: it must not exist), and returns the new revision. When
 * an answer is lost it tries again and, on a conflict, reads who was first: a write that happened is not
 * reported as a conflict with itself. So `value` must hold something that only its writer knows, or be
 * the same whoever writes it. Errors: those of KeyValue; `append_outcome_unknown` also when a try whose
 * answer was lost is followed by one that fails surely, as the first may have been stored.
 */
export async function updateExpecting(
  keyValue: KeyValue,
  bucket: string,
  key: string,
  value: Uint8Array,
  revision: number,
): Promise<number> {
  let lost: HoldfastError | undefined;
  for (let tries = 1; ; tries += 1) {
    try {
      return await keyValue.update(bucket, key, value, revision);
    } catch (thrown) {
      if (!(thrown instanceof HoldfastError)) throw thrown;
      const { code } = thrown;
      if (code === "append_outcome_unknown") lost = thrown;
      if (lost === undefined) throw thrown;
      if (code === "revision_conflict") {
        const stored = await storedRevision(lost);
        if (stored === undefined) throw thrown;
        return stored;
      }
      if (tries >= limits.appendAttempts) throw lost;
    }
  }

  /** Undefined when something else stands there; who cannot look does not know. */
  async function storedRevision(unknown: HoldfastError): Promise<number | undefined> {
    const found = await keyValue.get(bucket, key).catch(() => {
      throw unknown;
    });
    return found && Buffer.compare(found.value, value) === 0 ? found.revision : undefined;
  }
}

export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof HoldfastError ? thrown.code : undefined;
}
