import { toHoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { KeyValue } from "../ports/key-value.ts";
import { clusterBucket, startKey } from "./records.ts";

/**
 * A data folder that was copied makes two processes of one node, which would take its partitions from each
 * other without end. The rule: **the process that started last goes on, and the other one ends.**
 *
 * Who started last is told by the engine, since clocks differ and a process may have slept meanwhile. Each
 * process writes its random name to `start.NODE`, on top of the revision that it has read there, and ends when
 * it sees a higher revision than its own. So a restart never ends the new process: what a dead one still
 * sends comes late, and is refused because its revision is outdated.
 *
 * Returns the revision of this process. Errors: those of the port.
 */
export async function recordStart(
  keyValue: KeyValue,
  node: NodeId,
  process: string,
): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const found = await keyValue.get(clusterBucket, startKey(node));
    // A try whose answer was lost.
    if (found && new TextDecoder().decode(found.value) === process) return found.revision;
    try {
      const name = new TextEncoder().encode(process);
      return await keyValue.update(clusterBucket, startKey(node), name, found?.revision ?? 0);
    } catch (thrown) {
      const { code } = toHoldfastError(thrown);
      const mayRepeat = code === "revision_conflict" || code === "append_outcome_unknown";
      if (!mayRepeat || tries >= limits.clusterWriteAttempts) throw thrown;
    }
  }
}
