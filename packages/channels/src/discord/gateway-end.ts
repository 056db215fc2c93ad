/**
 * Why a connection ended. `lost` and `asked`: the session goes on, after a pause or at once.
 * `session_over`: a new one must begin. `refused`, `unusable`: none will begin before somebody acts.
 */
export interface GatewayEnd {
  readonly kind: "lost" | "asked" | "session_over" | "refused" | "unusable";
  readonly reason: string;
}

const known: Readonly<Record<number, GatewayEnd>> = {
  4003: { kind: "session_over", reason: "The gateway does not know the session (4003)." },
  4004: { kind: "refused", reason: "The gateway refuses the bot's token (4004)." },
  4007: { kind: "session_over", reason: "The gateway does not know the sequence (4007)." },
  4009: { kind: "session_over", reason: "The session timed out (4009)." },
  4010: { kind: "unusable", reason: "The gateway refuses the shard (4010)." },
  4011: {
    kind: "unusable",
    reason:
      "The bot is in too many servers for one connection (4011): spread it over several bots.",
  },
  4012: { kind: "unusable", reason: "The gateway's version 10 is not served any more (4012)." },
  4013: { kind: "unusable", reason: "The gateway does not know the intents (4013)." },
  4014: {
    kind: "refused",
    reason:
      "The bot may not read messages (4014): switch on Message Content Intent under Bot in Discord's developer portal, or set messageContent to false.",
  },
};

export function endOfCode(code: number): GatewayEnd {
  return known[code] ?? { kind: "lost", reason: `The gateway closed the connection (${code}).` };
}
