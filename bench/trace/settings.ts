import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export interface TraceSettings {
  readonly file: string;
  /** The synthetic sample is replayed again and again; another trace once. */
  readonly isSample: boolean;
  readonly speeds: readonly number[];
  /** How long each replay takes at most. */
  readonly seconds: number;
  /** Requests of each replay at most. */
  readonly requests: number;
  /** Minutes of the trace's own time at most; all of it when absent. */
  readonly minutes: number | undefined;
  readonly stores: number;
  readonly computes: number;
  readonly partitions: number;
  /** Whether a node is killed in the middle of each replay. */
  readonly kills: boolean;
  readonly agents: number;
  readonly conversations: number;
  readonly tokensPerSecond: number;
  /** Requests of the baseline, which goes to the provider without the nodes. */
  readonly baselineRequests: number;
}

const sample = fileURLToPath(new URL("./sample.csv", import.meta.url));

/** Errors: a flag with another value than expected. */
export function readSettings(args: readonly string[]): TraceSettings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      file: { type: "string" },
      speeds: { type: "string" },
      seconds: { type: "string" },
      requests: { type: "string" },
      minutes: { type: "string" },
      nodes: { type: "string" },
      "no-kill": { type: "boolean" },
      partitions: { type: "string" },
      conversations: { type: "string" },
      agents: { type: "string" },
      "tokens-per-second": { type: "string" },
    },
  });
  const { quick } = values;
  const nodes = Number(values.nodes ?? (quick ? 2 : 3));
  // Two store nodes lose the data's majority with one of them.
  const stores = nodes < 3 ? 1 : 3;
  const settings: TraceSettings = {
    file: values.file ?? sample,
    isSample: values.file === undefined,
    speeds: (values.speeds ?? (quick ? "20" : "1,10,100")).split(",").map(Number),
    seconds: Number(values.seconds ?? (quick ? 2 : 40)),
    requests: Number(values.requests ?? 2_000),
    minutes: values.minutes === undefined ? undefined : Number(values.minutes),
    stores,
    computes: nodes - stores,
    partitions: Number(values.partitions ?? (quick ? 4 : 16)),
    kills: !values["no-kill"] && nodes > 1,
    agents: Number(values.agents ?? (quick ? 4 : 50)),
    conversations: Number(values.conversations ?? (quick ? 12 : 2_000)),
    tokensPerSecond: Number(values["tokens-per-second"] ?? (quick ? 1_000 : 50)),
    baselineRequests: quick ? 10 : 100,
  };
  const { minutes, computes, speeds, file: _, isSample: __, kills: ___, ...numbers } = settings;
  const positive = { ...numbers, minutes: minutes ?? 1, nodes: computes + stores };
  for (const [name, value] of Object.entries(positive)) {
    if (!(value > 0)) throw new Error(`--${name}: expected a number above 0`);
  }
  if (!speeds.every((speed) => speed > 0)) throw new Error("--speeds: expected numbers above 0");
  return settings;
}
