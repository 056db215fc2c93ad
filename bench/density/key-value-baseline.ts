import { startLoneEngine } from "../lib/lone-engine.ts";
import { eachOf, pick } from "../lib/pool.ts";

export interface KeyValueLoad {
  readonly home: string;
  readonly values: number;
  readonly valueBytes: number;
  readonly reads: number;
  readonly width: number;
}

const bucket = "bench";

/** Milliseconds of single reads of the engine's key-value store, without anything of the node around. */
export async function keyValueReads(load: KeyValueLoad): Promise<number[]> {
  const engine = await startLoneEngine(load.home);
  try {
    await engine.provision({ logs: [], buckets: [bucket] });
    const value = new Uint8Array(load.valueBytes).fill(120);
    await eachOf(load.values, 32, (number) =>
      engine.keyValue.update(bucket, `key.${number}`, value, 0),
    );
    const keys = pick(load.reads, load.values, 7);
    const taken: number[] = [];
    await eachOf(keys.length, load.width, async (number) => {
      const startedAt = performance.now();
      await engine.keyValue.get(bucket, `key.${keys[number]}`);
      taken.push(performance.now() - startedAt);
    });
    return taken;
  } finally {
    await engine.close();
  }
}
