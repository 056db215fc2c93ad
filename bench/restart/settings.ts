import { parseArgs } from "node:util";

export interface RestartSettings {
  readonly agents: number;
  readonly conversations: number;
  /** Messages that are acknowledged and not answered when the node dies. */
  readonly unanswered: number;
  /** How many of them stand in one conversation. */
  readonly perConversation: number;
  /** Requests under way at once; so many are cut off in the middle by the kill. */
  readonly width: number;
}

const full = { agents: 100, conversations: 10_000, unanswered: 5_000 };
const quick = { agents: 4, conversations: 40, unanswered: 30 };

export function readSettings(args: readonly string[]): RestartSettings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      conversations: { type: "string" },
      unanswered: { type: "string" },
    },
  });
  const size = values.quick ? quick : full;
  return {
    agents: size.agents,
    conversations: Number(values.conversations ?? size.conversations),
    unanswered: Number(values.unanswered ?? size.unanswered),
    perConversation: 2,
    width: 64,
  };
}
