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
  chatHistoryMessages: 6,
  chatInputLines: 500,
  chatInputBytes: 64 * 1024,
  sendWaitMs: 120_000,
  /** Until a second Ctrl-C at the prompt counts as the second. */
  leaveWithinMs: 2_000,
} as const;
