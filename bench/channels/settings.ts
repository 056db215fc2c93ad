import { parseArgs } from "node:util";

export interface ChannelSettings {
  /** Webhooks a second of the passes that measure acknowledgements, each rate in its own pass. */
  readonly rates: readonly number[];
  /** Webhooks a second of the pass that measures the way from webhook to reply. */
  readonly pacedRate: number;
  readonly seconds: number;
  readonly passes: number;
  readonly stores: number;
  readonly partitions: number;
  /** Of each platform; each has its own agent. */
  readonly accounts: number;
  /** Over both platforms. */
  readonly chats: number;
  /** Kept-alive connections of the generator; what finds none free waits, and the wait counts. */
  readonly connections: number;
  /** Of the fixed arrival times. */
  readonly seed: number;
  /** Before each pass at most so long is waited for a moment in which nothing else works on the machine. */
  readonly quietWaitMs: number;
  /** Where profiles of the node that takes the webhooks are written; none when absent. */
  readonly profile: string | undefined;
}

/** Errors: a flag with another value than expected. */
export function readSettings(args: readonly string[]): ChannelSettings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      rates: { type: "string" },
      "paced-rate": { type: "string" },
      seconds: { type: "string" },
      passes: { type: "string" },
      stores: { type: "string" },
      partitions: { type: "string" },
      accounts: { type: "string" },
      chats: { type: "string" },
      connections: { type: "string" },
      seed: { type: "string" },
      "quiet-wait": { type: "string" },
      profile: { type: "string" },
    },
  });
  const { quick, profile } = values;
  const rates = (values.rates ?? (quick ? "50" : "1000")).split(",").map(Number);
  const numbers = {
    pacedRate: Number(values["paced-rate"] ?? (quick ? 20 : 100)),
    seconds: Number(values.seconds ?? (quick ? 1 : 10)),
    passes: Number(values.passes ?? (quick ? 1 : 3)),
    stores: Number(values.stores ?? (quick ? 1 : 3)),
    partitions: Number(values.partitions ?? (quick ? 4 : 16)),
    accounts: Number(values.accounts ?? (quick ? 1 : 8)),
    chats: Number(values.chats ?? (quick ? 20 : 2_000)),
    connections: Number(values.connections ?? (quick ? 16 : 200)),
    seed: Number(values.seed ?? 1),
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value > 0)) throw new Error(`--${name}: expected a number above 0`);
  }
  if (!rates.every((rate) => rate > 0)) throw new Error("--rates: expected numbers above 0");
  const quietWaitMs = Number(values["quiet-wait"] ?? 0) * 1_000;
  return { rates, ...numbers, quietWaitMs, profile };
}
