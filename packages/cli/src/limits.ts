import { limits } from "@holdfast/core";

/** Every bound of the command. Times in milliseconds, sizes in bytes unless named. */
export const commandLimits = {
  /** Files of one `-f`. */
  resourceFiles: 1_000,
  resourceFileBytes: 20 * 1024 * 1024,
  /** Values of one file after its aliases are resolved: stops alias bombs. */
  yamlValues: 200_000,
  yamlDepth: limits.jsonDepth,
  /** Faults shown; more are counted. */
  faultsShown: 50,
  /** Lines on each side over which a diff shows all old and then all new lines. */
  diffLines: 2_000,
  diffContextLines: 2,
  cellWidth: 60,
  /** States of accounts that a list asks for at once. */
  statesAtOnce: 8,
  chatHistoryMessages: 6,
  chatInputLines: 500,
  chatInputBytes: 64 * 1024,
  sendWaitMs: 120_000,
  /** Live views are drawn anew this often. */
  liveMs: 1_000,
  /** How long a live view waits for one answer before it asks the next node. */
  liveAnswerMs: 3_000,
  /** How often a change under way is looked at, how long at most, and how long nodes may be away. */
  followMs: 250,
  followMaxMs: 600_000,
  followAwayMs: 30_000,
  /** Until a second Ctrl-C at the prompt counts as the second. */
  leaveWithinMs: 2_000,
  /** Nodes of a cluster on one machine, and tries to find a free port for one. */
  devNodes: 64,
  devPortTries: 200,
  /** How long a node may take to start, and to be ready; how often it is asked. */
  devStartMs: 120_000,
  devReadyMs: 120_000,
  devLookMs: 200,
  /** How long a node may take to stop in good order. */
  devStopMs: 30_000,
  devLogTailBytes: 16 * 1024,
} as const;
