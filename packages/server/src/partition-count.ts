import { assignmentBucket, type Engine, toHoldfastError } from "@holdfast/core";

/** The cell's partition count, fixed when the cell was created. */
export async function partitionCount(engine: Engine, wanted: number): Promise<number> {
  const found = await engine.keyValue.get(assignmentBucket, "cell");
  if (found) {
    return (JSON.parse(new TextDecoder().decode(found.value)) as { partitions: number }).partitions;
  }
  const value = new TextEncoder().encode(JSON.stringify({ partitions: wanted }));
  try {
    await engine.keyValue.update(assignmentBucket, "cell", value, 0);
    return wanted;
  } catch (thrown) {
    if (toHoldfastError(thrown).code !== "revision_conflict") throw thrown;
    return partitionCount(engine, wanted);
  }
}
