import { parseArgs } from "node:util";

export const kinds = ["compute", "store", "coordinator", "paused"] as const;
/**
 * What is done to a node: `compute` and `coordinator` kill -9 of its process, `store` of its engine's too, at a
 * node that does not coordinate; `paused` stops an owner's process for a while and lets it go on.
 */
export type Kind = (typeof kinds)[number];

export interface FailoverSettings {
  readonly kinds: readonly Kind[];
  /** Of each kind. */
  readonly kills: number;
  readonly stores: number;
  readonly computes: number;
  readonly partitions: number;
  readonly conversations: number;
  readonly thinkMs: number;
  readonly modelMs: number;
  /** How long an owner is paused: longer than its silence takes to be noticed. */
  readonly pausedMs: number;
  /** Load before each kill. */
  readonly loadMs: number;
}

const full = { kills: 20, stores: 3, computes: 2, partitions: 20, conversations: 160 };
const quick = { kills: 1, stores: 1, computes: 2, partitions: 6, conversations: 24 };

/** Errors: a flag with another value than expected. */
export function readSettings(args: readonly string[]): FailoverSettings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      kinds: { type: "string" },
      kills: { type: "string" },
      stores: { type: "string" },
      computes: { type: "string" },
      partitions: { type: "string" },
      conversations: { type: "string" },
      "think-ms": { type: "string" },
      "model-ms": { type: "string" },
      "paused-ms": { type: "string" },
    },
  });
  const size = values.quick ? quick : full;
  // Without replicas of the data no engine may be killed.
  const usual = values.quick ? ["compute", "paused"] : kinds;
  const settings = {
    kinds: (values.kinds?.split(",") ?? usual) as readonly Kind[],
    kills: Number(values.kills ?? size.kills),
    stores: Number(values.stores ?? size.stores),
    computes: Number(values.computes ?? size.computes),
    partitions: Number(values.partitions ?? size.partitions),
    conversations: Number(values.conversations ?? size.conversations),
    thinkMs: Number(values["think-ms"] ?? 250),
    modelMs: Number(values["model-ms"] ?? 50),
    pausedMs: Number(values["paused-ms"] ?? (values.quick ? 4_000 : 10_000)),
    loadMs: values.quick ? 500 : 2_000,
  };
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value === "number" && !(value > 0)) {
      throw new Error(`--${name}: expected a number above 0`);
    }
  }
  const unknown = settings.kinds.find((kind) => !kinds.includes(kind));
  if (unknown !== undefined) throw new Error(`--kinds: ${unknown} is none of ${kinds.join(",")}`);
  return settings;
}
