import type { Exchange } from "../lib/cluster-load.ts";
import { type CheckResult, isClean } from "../lib/history-check.ts";
import type { ModelRecord } from "../lib/model-record.ts";
import { printReport, type Row } from "../lib/report.ts";
import { round, type Spread, spreadOf } from "../lib/spread.ts";
import type { MoveSettings } from "./settings.ts";

export interface MoveResult {
  readonly moves: number;
  /** Milliseconds for each conversation and move; the same where nothing moves. */
  readonly pauses: readonly number[];
  readonly usual: readonly number[];
  readonly exchanges: readonly Exchange[];
  readonly wrong: readonly string[];
  readonly givenUp: readonly string[];
  readonly check: CheckResult;
  readonly record: ModelRecord;
  readonly engineVersion: string;
}

const wantedMs = 200;

export function reportMove(settings: MoveSettings, result: MoveResult): void {
  const { moves, exchanges, check, record, wrong, givenUp } = result;
  const pauseMs = spreadOf(result.pauses);
  const usualMs = spreadOf(result.usual);
  const turnMs = spreadOf(exchanges.map((one) => one.repliedAt - one.sentAt));
  const failed = exchanges.filter(({ failures }) => failures > 0);
  const failedTurns = failed.length + wrong.length + givenUp.length;
  const rows: Row[] = [
    { what: "moves of a partition", value: String(moves) },
    {
      what: `pause, of ${pauseMs.count} conversations`,
      value: shown(pauseMs),
      wanted: `p99 < ${wantedMs} ms`,
      met: pauseMs.count > 0 && pauseMs.p99 < wantedMs,
    },
    { what: "  baseline: nothing moves", value: shown(usualMs) },
    { what: "turns", value: shown(turnMs) },
    {
      what: `failed, of ${exchanges.length}`,
      value: String(failedTurns),
      wanted: "0",
      met: failedTurns === 0,
    },
    {
      what: "model calls repeated",
      value: String(record.repeated),
      wanted: "0",
      met: record.repeated === 0,
    },
    {
      what: "lost, doubled, reordered, strange",
      value: [check.lost, check.doubled, check.reordered, check.strange].join(", "),
      wanted: "0, 0, 0, 0",
      met: isClean(check),
    },
  ];
  const problems = [...new Set(failed.map(({ problem }) => problem ?? ""))].slice(0, 5);
  for (const example of [...problems, ...wrong.slice(0, 5), ...check.examples]) {
    console.log(`wrong: ${example}`);
  }
  printReport(
    rows,
    {
      name: "move",
      value: pauseMs.p99,
      unit: "ms p99 of a conversation's pause when its partition moves",
      baseline: usualMs.p99,
      ratio: round(pauseMs.p99 / Math.max(0.01, usualMs.p99)),
      moves,
      pauseMs,
      usualPauseMs: usualMs,
      turnMs,
      turns: exchanges.length,
      failedTurns,
      repeatedModelCalls: record.repeated,
      check,
      modelRecord: record,
      settings,
    },
    result.engineVersion,
  );
  // Figures of a busy machine may miss what is wanted; what is wrong may not be.
  if (!isClean(check) || wrong.length + givenUp.length > 0) process.exitCode = 1;
}

function shown({ p50, p99, max }: Spread): string {
  return `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;
}
