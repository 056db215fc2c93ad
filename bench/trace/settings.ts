import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export interface TraceSettings {
  readonly file: string;
  readonly speed: number;
  /** Minutes of the trace's own time; all of it when absent. */
  readonly minutes: number | undefined;
  readonly agents: number;
  readonly conversations: number;
  readonly tokensPerSecond: number;
  /** Requests of the baseline, which goes to the provider without the node. */
  readonly baselineRequests: number;
}

const sample = fileURLToPath(new URL("./sample.csv", import.meta.url));

export function readSettings(args: readonly string[]): TraceSettings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      file: { type: "string" },
      speed: { type: "string" },
      minutes: { type: "string" },
      conversations: { type: "string" },
      agents: { type: "string" },
      "tokens-per-second": { type: "string" },
    },
  });
  const { quick } = values;
  const settings: TraceSettings = {
    file: values.file ?? sample,
    speed: Number(values.speed ?? (quick ? 20 : 1)),
    minutes: values.minutes === undefined ? undefined : Number(values.minutes),
    agents: Number(values.agents ?? (quick ? 4 : 50)),
    conversations: Number(values.conversations ?? (quick ? 12 : 2_000)),
    tokensPerSecond: Number(values["tokens-per-second"] ?? (quick ? 1_000 : 50)),
    baselineRequests: quick ? 10 : 300,
  };
  const { minutes, file: _, ...numbers } = settings;
  for (const [name, value] of Object.entries({ ...numbers, minutes: minutes ?? 1 })) {
    if (!(value > 0)) throw new Error(`--${name}: expected a number above 0`);
  }
  return settings;
}
