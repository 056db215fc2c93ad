import { limits } from "@holdfast/core";

/**
 * Limits so low that a short run seals history, truncates, passivates, checkpoints through blobs and
 * splits batches, and so that it need not go on for minutes until the partitions are spread again. They hold the same relations as the real ones.
 */
const small: Partial<Record<keyof typeof limits, number>> = {
  inlinePayloadBytes: 3_000,
  batchBytes: 9_000,
  enginePayloadBytes: 12_000,
  batchEntries: 8,
  appendQueueEntries: 64,
  conversationPending: 24,
  chatPending: 30,
  turnsInFlight: 12,
  turnsInFlightPerAgent: 4,
  dedupeKeysPerConversation: 200,
  historyTailMessages: 12,
  historyPageMessages: 8,
  activeConversations: 5,
  passivateAfterMs: 3_000,
  journalTailRecords: 40,
  turnRetryMaxMs: 3_000,
  moveRestMs: 8_000,
  nodeProbationMs: 3_000,
  nodeSilenceMaxMs: 3_000,
  nodeStartMs: 3_000,
  rebalanceIntervalMs: 2_000,
  awaitedCheckMs: 2_000,
};

/** Runs `work` with the small limits, then puts the real ones back. */
export async function withSmallLimits<T>(work: () => Promise<T>): Promise<T> {
  const table = limits as Record<string, number>;
  const before = { ...table };
  Object.assign(table, small);
  try {
    return await work();
  } finally {
    Object.assign(table, before);
  }
}
