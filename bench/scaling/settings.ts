import { parseArgs } from "node:util";

export interface ScalingSettings {
  /** Numbers of nodes that work, rising. */
  readonly levels: readonly number[];
  readonly passes: number;
  readonly stores: number;
  readonly partitions: number;
  readonly conversationsPerPartition: number;
  /** Turns that run at once on a node: with the model's time they are the bound, not this machine. */
  readonly turns: number;
  readonly modelMs: number;
  readonly warmupMs: number;
  readonly runMs: number;
  readonly idleMs: number;
}

/** Errors: a flag with another value than expected. */
export function readSettings(args: readonly string[]): ScalingSettings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      levels: { type: "string" },
      passes: { type: "string" },
      stores: { type: "string" },
      partitions: { type: "string" },
      turns: { type: "string" },
      "model-ms": { type: "string" },
      "conversations-per-partition": { type: "string" },
      seconds: { type: "string" },
    },
  });
  const { quick } = values;
  const levels = (values.levels ?? (quick ? "1,2" : "1,2,4,8")).split(",").map(Number);
  const most = Math.max(...levels);
  const turns = Number(values.turns ?? 8);
  const partitions = Number(values.partitions ?? (quick ? 4 : 16));
  const settings: ScalingSettings = {
    levels,
    passes: Number(values.passes ?? 1),
    stores: Number(values.stores ?? (quick ? 1 : 3)),
    partitions,
    // Three for each turn that all nodes together can run: none of them ever waits for a message.
    conversationsPerPartition: Number(
      values["conversations-per-partition"] ?? Math.ceil((3 * turns * most) / partitions),
    ),
    turns,
    modelMs: Number(values["model-ms"] ?? 200),
    warmupMs: quick ? 1_000 : 5_000,
    runMs: 1_000 * Number(values.seconds ?? (quick ? 2 : 15)),
    idleMs: quick ? 1_000 : 10_000,
  };
  const { levels: _, ...numbers } = settings;
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value > 0)) throw new Error(`--${name}: expected a number above 0`);
  }
  if (levels.some((level, at) => !(level > (levels[at - 1] ?? 0)) || partitions % level !== 0)) {
    throw new Error(`--levels: expected rising numbers that divide the ${partitions} partitions`);
  }
  return settings;
}
