import { parseArgs } from "node:util";

export interface DensitySettings {
  readonly agents: number;
  readonly conversations: number;
  readonly messages: number;
  readonly messageBytes: number;
  /** Messages under way at once while the conversations are filled. */
  readonly width: number;
  /** Conversations read, and as many asked, while they are passivated. */
  readonly activations: number;
  /** Activations under way at once. */
  readonly activationWidth: number;
  readonly listings: number;
  /** Rest before the memory is read. */
  readonly pauseMs: number;
  /** Wait until the node passivates by itself, which takes more than five minutes. */
  readonly waitPassivation: boolean;
  /** Where to write a heap snapshot of the full node. */
  readonly snapshot: string | undefined;
}

const full = {
  agents: 100_000,
  conversations: 20_000,
  messages: 10,
  activations: 1_000,
  listings: 2_000,
  pauseMs: 5_000,
};
const quick = {
  agents: 600,
  conversations: 60,
  messages: 3,
  activations: 20,
  listings: 40,
  pauseMs: 100,
};

export function readSettings(args: readonly string[]): DensitySettings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      agents: { type: "string" },
      conversations: { type: "string" },
      width: { type: "string", default: "128" },
      "activation-width": { type: "string", default: "8" },
      "skip-passivation": { type: "boolean", default: false },
      snapshot: { type: "string" },
    },
  });
  const size = values.quick ? quick : full;
  return {
    ...size,
    agents: Number(values.agents ?? size.agents),
    conversations: Number(values.conversations ?? size.conversations),
    messageBytes: 500,
    width: Number(values.width),
    activationWidth: Number(values["activation-width"]),
    waitPassivation: !values.quick && !values["skip-passivation"],
    snapshot: values.snapshot,
  };
}
