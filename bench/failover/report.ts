import type { Exchange } from "../lib/cluster-load.ts";
import { type CheckResult, isClean } from "../lib/history-check.ts";
import type { ModelRecord } from "../lib/model-record.ts";
import { printReport, type Row } from "../lib/report.ts";
import { round, type Spread, spreadOf } from "../lib/spread.ts";
import type { Round } from "./round.ts";
import type { FailoverSettings, Kind } from "./settings.ts";

export interface FailoverResult {
  readonly rounds: readonly Round[];
  readonly exchanges: readonly Exchange[];
  readonly wrong: readonly string[];
  readonly givenUp: readonly string[];
  readonly problems: Readonly<Record<string, number>>;
  readonly check: CheckResult;
  readonly record: ModelRecord;
  readonly engineVersion: string;
}

/** Of the p99, in milliseconds. */
const wantedMs: Record<Kind, number> = {
  compute: 3_000,
  store: 8_000,
  coordinator: 8_000,
  paused: 8_000,
};

export function reportFailover(settings: FailoverSettings, result: FailoverResult): void {
  const { rounds, check, record, exchanges } = result;
  const usual = spreadOf(
    exchanges.filter(({ failures }) => failures === 0).map((one) => one.repliedAt - one.sentAt),
  );
  const byKind = settings.kinds.map((kind) => summary(kind, rounds));
  const missing = rounds.reduce((sum, each) => sum + each.missing, 0);
  const { doubled } = check;
  const reordered = check.reordered + record.reordered;
  const lost = check.lost + record.lost + result.givenUp.length;
  const strange = check.strange + result.wrong.length;
  const rows: Row[] = [
    ...byKind.flatMap(rowsOf),
    { what: "turns, no failure near", value: shown(usual) },
    { what: "messages acknowledged", value: String(exchanges.length) },
    { what: "  tried more than once", value: String(retried(exchanges)) },
    { what: "model calls", value: `${record.calls}, ${record.repeated} repeated by cut off turns` },
    {
      what: "lost, doubled, reordered, strange",
      value: [lost, doubled, reordered, strange].join(", "),
      wanted: "0, 0, 0, 0",
      met: lost + doubled + reordered + strange === 0,
    },
    {
      what: "model asked again after the reply",
      value: String(record.late),
      wanted: "0",
      met: record.late === 0,
    },
  ];
  for (const example of [...check.examples, ...result.wrong.slice(0, 5), ...record.examples]) {
    console.log(`wrong: ${example}`);
  }
  const first = byKind[0] ?? summary("compute", rounds);
  printReport(
    rows,
    {
      name: "failover",
      value: first.recoveryMs.p99,
      unit: `ms p99 from the kill of a ${first.kind} node to a reply`,
      baseline: usual.p99,
      ratio: round(first.recoveryMs.p99 / Math.max(0.01, usual.p99)),
      kinds: byKind,
      usualMs: usual,
      messages: exchanges.length,
      retried: retried(exchanges),
      problems: result.problems,
      lost,
      doubled,
      reordered,
      strange,
      check,
      modelRecord: record,
      settings,
    },
    result.engineVersion,
  );
  const isGood = isClean(check) && lost + doubled + reordered + strange + missing === 0;
  if (!isGood) process.exitCode = 1;
}

interface KindSummary {
  readonly kind: Kind;
  readonly kills: number;
  /** Over all affected conversations of all kills. */
  readonly recoveryMs: Spread;
  readonly missing: number;
  readonly healedMs: Spread;
}

function summary(kind: Kind, rounds: readonly Round[]): KindSummary {
  const own = rounds.filter((each) => each.kind === kind);
  return {
    kind,
    kills: own.length,
    recoveryMs: spreadOf(own.flatMap(({ recoveryMs }) => recoveryMs)),
    missing: own.reduce((sum, each) => sum + each.missing, 0),
    healedMs: spreadOf(own.map(({ healedMs }) => healedMs)),
  };
}

function rowsOf({ kind, kills, recoveryMs, missing }: KindSummary): Row[] {
  const wanted = wantedMs[kind];
  const what = kind === "paused" ? "owner paused" : `${kind} killed`;
  return [
    {
      what: `${what}, ${kills} times, ${recoveryMs.count} conversations`,
      value: shown(recoveryMs),
      wanted: `p99 < ${wanted / 1_000} s`,
      met: missing === 0 && recoveryMs.count > 0 && recoveryMs.p99 < wanted,
    },
    ...(missing > 0 ? [{ what: "  without a reply in a minute", value: String(missing) }] : []),
  ];
}

function retried(exchanges: readonly Exchange[]): number {
  return exchanges.filter(({ failures }) => failures > 0).length;
}

function shown({ p50, p99, max }: Spread): string {
  return `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;
}
