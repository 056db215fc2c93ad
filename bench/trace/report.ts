import { isClean } from "../lib/history-check.ts";
import { printReport, type Row } from "../lib/report.ts";
import { round, type Spread } from "../lib/spread.ts";
import type { SpeedResult } from "./run-speed.ts";
import { thinned } from "./sampler.ts";
import type { TraceSettings } from "./settings.ts";

export function reportTrace(
  settings: TraceSettings,
  results: readonly SpeedResult[],
  engineVersion: string,
): void {
  const isComplete = results.every(({ check, shares }) => isClean(check) && shares.problems === 0);
  for (const { shares, check } of results) {
    for (const example of [...shares.examples, ...check.examples]) console.log(`wrong: ${example}`);
  }
  const [first] = results;
  const share = first?.undisturbed.share.p99 ?? 0;
  const bare = first?.bare.share.p99 ?? 0;
  const sum = (figure: (result: SpeedResult) => number) =>
    results.reduce((total, result) => total + figure(result), 0);
  const { file: _, ...shownSettings } = settings;
  printReport(
    results.flatMap(rowsOf),
    {
      name: "trace",
      value: share,
      unit: `ms p99 of the platform's own share at ${first?.speed}x, away from the kill`,
      baseline: bare,
      ratio: round(share / Math.max(0.01, bare)),
      requests: sum(({ requests }) => requests),
      failed: sum(({ shares }) => shares.problems),
      check: {
        lost: sum(({ check }) => check.lost),
        doubled: sum(({ check }) => check.doubled),
        reordered: sum(({ check }) => check.reordered),
        strange: sum(({ check }) => check.strange),
      },
      speeds: results.map(figuresOf),
      settings: shownSettings,
    },
    engineVersion,
  );
  if (!isComplete) process.exitCode = 1;
}

function rowsOf(result: SpeedResult): Row[] {
  const { speed, requests, seconds, shares, undisturbed, bare, check, samples } = result;
  const { healedMs } = result;
  return [
    { what: `${speed}x: requests`, value: `${requests} in ${round(seconds)} s` },
    { what: "  platform's own share", value: shown(shares.share) },
    ...(healedMs === undefined
      ? []
      : [
          { what: "    away from the kill", value: shown(undisturbed.share) },
          { what: "  all partitions owned again", value: `${Math.round(healedMs)} ms` },
        ]),
    { what: "    baseline: bare client", value: shown(bare.share) },
    { what: "  response time", value: shown(shares.response) },
    { what: "  model time", value: shown(shares.model) },
    { what: "  sent later than the trace", value: shown(shares.late) },
    { what: "  queued behind an unanswered message", value: String(shares.queued) },
    { what: "  sent again by clients", value: String(result.repeatedMessages) },
    { what: "  answered behind the last client", value: `${round(result.backlogSeconds)} s` },
    { what: "  model calls repeated", value: String(shares.repeatedCalls) },
    { what: "  most unanswered at once", value: String(most(samples.map(({ open }) => open))) },
    { what: "  node's memory, peak", value: `${most(samples.map((each) => each.nodeMb))} MB` },
    {
      what: "  failed requests",
      value: String(shares.problems),
      wanted: "0",
      met: shares.problems === 0,
    },
    {
      what: "  lost, doubled, reordered, strange",
      value: [check.lost, check.doubled, check.reordered, check.strange].join(", "),
      wanted: "0, 0, 0, 0",
      met: isClean(check),
    },
  ];
}

function figuresOf(result: SpeedResult): object {
  const { speed, requests, shares, undisturbed, bare, check, samples, healedMs } = result;
  return {
    speed,
    requests,
    seconds: round(result.seconds),
    shareMs: shares.share,
    undisturbedShareMs: undisturbed.share,
    baselineShareMs: bare.share,
    healedMs: healedMs === undefined ? undefined : Math.round(healedMs),
    responseMs: shares.response,
    modelMs: shares.model,
    lateMs: shares.late,
    queued: shares.queued,
    repeatedMessages: result.repeatedMessages,
    backlogSeconds: round(result.backlogSeconds),
    repeatedCalls: shares.repeatedCalls,
    failed: shares.problems,
    check,
    samples: thinned(samples, 12),
  };
}

function most(values: readonly number[]): number {
  return Math.max(0, ...values);
}

function shown({ p50, p99, max }: Spread): string {
  return `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;
}
