import { type CheckResult, isClean } from "../lib/history-check.ts";
import type { NodeMemory } from "../lib/node-process.ts";
import { megabytes, printReport, type Row } from "../lib/report.ts";
import { round, type Spread } from "../lib/spread.ts";
import { type Sample, thinned } from "./sampler.ts";
import type { TraceSettings } from "./settings.ts";
import type { Shares } from "./shares.ts";

export interface TraceResult {
  readonly seconds: number;
  /** From the last answer to a client until nothing was unanswered. */
  readonly backlogSeconds: number;
  readonly requests: number;
  readonly bare: Shares;
  readonly shares: Shares;
  readonly check: CheckResult;
  readonly samples: readonly Sample[];
  readonly memory: NodeMemory;
  readonly modelPeak: number;
  readonly engineVersion: string;
}

export function reportTrace(settings: TraceSettings, result: TraceResult): void {
  const { shares, bare, check, samples, memory, requests, seconds } = result;
  const isComplete = isClean(check) && shares.problems === 0;
  const samplesShown = thinned(samples, 12);
  const rows: Row[] = [
    { what: "requests", value: `${requests} in ${round(seconds)} s` },
    { what: "platform's own share", value: shown(shares.share) },
    { what: "  baseline: bare client", value: shown(bare.share) },
    { what: "response time", value: shown(shares.response) },
    { what: "model time", value: shown(shares.model) },
    { what: "sent later than the trace", value: shown(shares.late) },
    { what: "queued behind an unanswered message", value: String(shares.queued) },
    { what: "answered behind the last client", value: `${round(result.backlogSeconds)} s` },
    { what: "model calls repeated", value: String(shares.repeatedCalls) },
    { what: "most unanswered at once", value: String(Math.max(0, ...samples.map((s) => s.open))) },
    { what: "resident, peak", value: `${megabytes(memory.peak)} MB` },
    { what: "heap used at the end", value: `${megabytes(memory.heapUsed)} MB` },
    {
      what: "failed requests",
      value: String(shares.problems),
      wanted: "0",
      met: shares.problems === 0,
    },
    {
      what: "lost, doubled, reordered, strange",
      value: [check.lost, check.doubled, check.reordered, check.strange].join(", "),
      wanted: "0, 0, 0, 0",
      met: isClean(check),
    },
    ...samplesShown.map(({ second, nodeMb, engineMb, open }) => ({
      what: `after ${second} s`,
      value: `node ${nodeMb} MB, engine ${round(engineMb)} MB, ${open} unanswered`,
    })),
  ];
  for (const example of [...shares.examples, ...check.examples]) console.log(`wrong: ${example}`);
  const { file: _, ...shownSettings } = settings;
  printReport(
    rows,
    {
      name: "trace",
      value: shares.share.p99,
      unit: "ms p99 of the platform's own share",
      baseline: bare.share.p99,
      ratio: round(shares.share.p99 / Math.max(0.01, bare.share.p99)),
      requests,
      seconds: round(seconds),
      shareMs: shares.share,
      baselineShareMs: bare.share,
      responseMs: shares.response,
      modelMs: shares.model,
      lateMs: shares.late,
      queued: shares.queued,
      backlogSeconds: round(result.backlogSeconds),
      repeatedCalls: shares.repeatedCalls,
      failed: shares.problems,
      check,
      peakMb: megabytes(memory.peak),
      heapUsedMb: megabytes(memory.heapUsed),
      samples: samplesShown,
      settings: shownSettings,
    },
    result.engineVersion,
  );
  if (!isComplete) process.exitCode = 1;
}

function shown({ p50, p99, max }: Spread): string {
  return `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;
}
