/**
 * The numbered places of the message path where a test may end the process. The numbers are part of the
 * tests' contract: a place keeps its number.
 */
export const failpoints = {
  beforeInboxAppend: 1,
  afterInboxAppend: 2,
  afterDelivery: 3,
  beforeModelCall: 4,
  afterModelCall: 5,
  afterStepJournaled: 6,
  beforeToolCall: 7,
  afterToolCall: 8,
  afterToolJournaled: 9,
  beforeTurnCommit: 10,
  afterTurnCommit: 11,
  beforeCheckpoint: 12,
  afterCheckpoint: 13,
  beforeTruncation: 14,
  afterTruncation: 15,
  beforeSend: 16,
  afterSendJournaled: 17,
  afterSend: 18,
} as const;

export type FailpointName = keyof typeof failpoints;

/** Called at each place; does nothing outside tests. */
export type ReachFailpoint = (name: FailpointName) => void;
