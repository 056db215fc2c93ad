import { median, rounded } from "../lib/figures.ts";
import { megabytes } from "../lib/report.ts";
import type { Contender } from "./contender.ts";
import { labelOf } from "./contenders.ts";
import type { KillResult } from "./kill-run.ts";
import type { Measured } from "./measure-contender.ts";

/** What came of one contender over all passes. */
export interface Outcome {
  readonly contender: Contender;
  readonly measured: readonly Measured[];
  /** Why passes failed. */
  readonly failures: readonly string[];
}

export interface LevelRow {
  readonly contender: string;
  readonly conversations: number;
  readonly turnsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requestKilobytes: number;
  readonly errors: number;
  /** Turns/s of each pass. */
  readonly runs: readonly number[];
}

/** Medians of the passes. */
export function levelRows({ contender, measured }: Outcome): LevelRow[] {
  const counts = measured[0]?.levels.map(({ conversations }) => conversations) ?? [];
  return counts.map((conversations, index) => {
    const levels = measured.flatMap((each) => each.levels[index] ?? []);
    const results = levels.map(({ result }) => result);
    const middle = (values: readonly number[]) => rounded(median(values));
    return {
      contender: labelOf(contender),
      conversations,
      turnsPerSecond: middle(results.map((result) => result.turnsPerSecond)),
      p50Ms: middle(results.map((result) => result.p50Ms)),
      p99Ms: middle(results.map((result) => result.p99Ms)),
      requestKilobytes: middle(levels.map(({ requestBytes }) => requestBytes / 1_000)),
      errors: results.reduce((sum, { errors }) => sum + errors, 0),
      runs: results.map((result) => rounded(result.turnsPerSecond)),
    };
  });
}

export interface KillRow {
  readonly contender: string;
  readonly startSeconds: number;
  readonly firstTurnsSeconds: number;
  readonly residentMegabytes: number;
  /** Seconds, medians; null when one of the passes never came so far. */
  readonly firstReplySeconds: number | null;
  readonly lastReplySeconds: number | null;
  readonly allDoneSeconds: number | null;
  /** Sums over the passes. */
  readonly accepted: number;
  readonly lost: number;
  readonly ranTwice: number;
  readonly historyLost: number | null;
  readonly historyDoubled: number | null;
  readonly historyReordered: number | null;
}

/** Undefined when nothing was killed. */
export function killRow({ contender, measured }: Outcome): KillRow | undefined {
  const kills = measured.flatMap(({ kill }) => kill ?? []);
  if (kills.length === 0) return undefined;
  const seconds = (read: (kill: KillResult) => number | undefined) => {
    const values = kills.map(read);
    return values.some((value) => value === undefined)
      ? null
      : rounded(median(values.map((value = 0) => value / 1_000)));
  };
  const sum = (read: (kill: KillResult) => number | undefined) => {
    const values = kills.map(read);
    return values.some((value) => value === undefined)
      ? null
      : values.reduce<number>((total, value = 0) => total + value, 0);
  };
  return {
    contender: labelOf(contender),
    startSeconds: rounded(median(measured.map(({ startMs }) => startMs / 1_000))),
    firstTurnsSeconds: rounded(median(measured.map(({ firstTurnsMs }) => firstTurnsMs / 1_000))),
    residentMegabytes: megabytes(median(measured.map(({ residentBytes }) => residentBytes))),
    firstReplySeconds: seconds((kill) => kill.firstReplyMs),
    lastReplySeconds: seconds((kill) => kill.lastReplyMs),
    allDoneSeconds: seconds((kill) => kill.allDoneMs),
    accepted: sum((kill) => kill.accepted) ?? 0,
    lost: sum((kill) => kill.lost) ?? 0,
    ranTwice: sum((kill) => kill.ranTwice) ?? 0,
    historyLost: sum((kill) => kill.historyLost),
    historyDoubled: sum((kill) => kill.historyDoubled),
    historyReordered: sum((kill) => kill.historyReordered),
  };
}
