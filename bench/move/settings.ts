import { parseArgs } from "node:util";

export interface MoveSettings {
  /** Times that a node is drained and gets its work again. */
  readonly drains: number;
  readonly stores: number;
  readonly computes: number;
  readonly partitions: number;
  readonly conversations: number;
  readonly modelMs: number;
  /** Load without a move, before each drain and each return. */
  readonly restMs: number;
  /** How long a node waits for work after it returned. */
  readonly returnMs: number;
}

const full = { drains: 10, stores: 3, computes: 0, partitions: 16, conversations: 64 };
const quick = { drains: 1, stores: 1, computes: 1, partitions: 4, conversations: 16 };

/** Errors: a flag with another value than expected. */
export function readSettings(args: readonly string[]): MoveSettings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      drains: { type: "string" },
      stores: { type: "string" },
      computes: { type: "string" },
      partitions: { type: "string" },
      conversations: { type: "string" },
      "model-ms": { type: "string" },
      "rest-ms": { type: "string" },
    },
  });
  const size = values.quick ? quick : full;
  const settings: MoveSettings = {
    drains: Number(values.drains ?? size.drains),
    stores: Number(values.stores ?? size.stores),
    computes: Number(values.computes ?? size.computes),
    partitions: Number(values.partitions ?? size.partitions),
    conversations: Number(values.conversations ?? size.conversations),
    modelMs: Number(values["model-ms"] ?? 50),
    restMs: Number(values["rest-ms"] ?? (values.quick ? 1_000 : 5_000)),
    returnMs: 60_000,
  };
  const { computes, ...positive } = settings;
  for (const [name, value] of Object.entries({ ...positive, computes: computes + 1 })) {
    if (!(value > 0)) throw new Error(`--${name}: expected a number above 0`);
  }
  if (settings.stores + computes < 2) throw new Error("there is nowhere to move to");
  return settings;
}
