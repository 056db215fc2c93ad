import { median } from "../lib/figures.ts";
import { printReport, type Row } from "../lib/report.ts";
import { round } from "../lib/spread.ts";
import type { PassResult } from "./pass.ts";
import type { ChannelSettings } from "./settings.ts";

/** One pass of the product, and of the baseline beside it. */
export interface Measured {
  readonly product: PassResult;
  readonly baseline: PassResult;
}

export interface ChannelResult {
  readonly passes: readonly Measured[];
  /** Replies that the nodes reported as unknown: sent or not, and not repeated. */
  readonly unknown: number;
  readonly engineVersion: string;
}

const wantedAckMs = 100;
const wantedReplyMs = 25;

/** Medians over the passes at one rate; counts are sums. */
interface Summary {
  readonly rate: number;
  readonly webhooks: number;
  readonly refused: number;
  readonly missing: number;
  readonly doubled: number;
  readonly ackMs: Times;
  readonly replyMs: Times;
  readonly afterAckMs: Times;
  readonly lateMs: Times;
  readonly backlog: number;
  readonly drainSeconds: number;
  readonly cpuMicros: Readonly<Record<string, number>>;
  readonly ownShare: number;
  readonly otherShare: number;
  /** Of each pass, in order. */
  readonly ackP99Ms: readonly number[];
  readonly replyP50Ms: readonly number[];
  readonly otherShares: readonly number[];
}

interface Times {
  readonly p50: number;
  readonly p99: number;
}

export function reportChannels(
  settings: ChannelSettings,
  { passes: measured, unknown, engineVersion }: ChannelResult,
): void {
  const fastest = Math.max(...settings.rates);
  const at = (rate: number, side: keyof Measured) =>
    summary(measured.map((each) => each[side]).filter((each) => each.rate === rate));
  const inbound = settings.rates.map((rate) => at(rate, "product"));
  const inboundBare = settings.rates.map((rate) => at(rate, "baseline"));
  const paced = at(settings.pacedRate, "product");
  const pacedBare = at(settings.pacedRate, "baseline");
  const all = [...inbound.filter(({ rate }) => rate !== paced.rate), paced];
  const sum = (figure: (each: Summary) => number) =>
    all.reduce((total, each) => total + figure(each), 0);
  const rows: Row[] = [
    ...inbound.flatMap((each, index) => [
      {
        what: `${each.rate} webhooks/s: acknowledged`,
        value: shown(each.ackMs),
        ...(each.rate === fastest && {
          wanted: `p99 < ${wantedAckMs} ms`,
          met: each.ackMs.p99 < wantedAckMs && each.refused === 0,
        }),
      },
      ...baselineRow(inboundBare[index]?.ackMs),
      ...detailRows(each),
    ]),
    {
      what: `${paced.rate} webhooks/s: webhook to reply`,
      value: shown(paced.replyMs),
      wanted: `p50 < ${wantedReplyMs} ms`,
      met: paced.replyMs.p50 < wantedReplyMs,
    },
    ...baselineRow(pacedBare.replyMs),
    { what: "  of it until acknowledged", value: shown(paced.ackMs) },
    { what: "  of it after", value: shown(paced.afterAckMs) },
    ...detailRows(paced),
    {
      what: "not acknowledged, without a reply, doubled",
      value: `${sum((each) => each.refused)}, ${sum((each) => each.missing)}, ${sum((each) => each.doubled)}`,
      wanted: "0, 0, 0",
      met: sum((each) => each.refused + each.missing + each.doubled) === 0,
    },
    {
      what: "  reported by the nodes as unknown",
      value: String(unknown),
      wanted: "0",
      met: unknown === 0,
    },
  ];
  const first = inbound.find(({ rate }) => rate === fastest) ?? paced;
  const bare = inboundBare.find(({ rate }) => rate === fastest) ?? pacedBare;
  const { profile: _, ...shownSettings } = settings;
  printReport(
    rows,
    {
      name: "channels",
      value: first.ackMs.p99,
      unit: `ms p99 until a webhook is acknowledged at ${fastest}/s`,
      baseline: bare.ackMs.p99,
      ratio: round(first.ackMs.p99 / Math.max(0.01, bare.ackMs.p99)),
      unknown,
      replyP50Ms: paced.replyMs.p50,
      baselineReplyP50Ms: pacedBare.replyMs.p50,
      inbound,
      inboundBaseline: inboundBare,
      paced,
      pacedBaseline: pacedBare,
      settings: shownSettings,
    },
    engineVersion,
  );
  const isBroken = sum((each) => each.missing) > unknown || sum((each) => each.doubled) > 0;
  if (isBroken) process.exitCode = 1;
}

function summary(passes: readonly PassResult[]): Summary {
  const middle = (figure: (pass: PassResult) => number) => round(median(passes.map(figure)));
  const total = (figure: (pass: PassResult) => number) =>
    passes.reduce((sum, pass) => sum + figure(pass), 0);
  const times = (figure: "ackMs" | "replyMs" | "afterAckMs" | "lateMs") => ({
    p50: middle((pass) => pass[figure].p50),
    p99: middle((pass) => pass[figure].p99),
  });
  const groups = Object.keys(passes[0]?.cpuMicros ?? {});
  return {
    rate: passes[0]?.rate ?? 0,
    webhooks: total(({ webhooks }) => webhooks),
    refused: total(({ webhooks, ackMs }) => webhooks - ackMs.count),
    missing: total(({ missing }) => missing),
    doubled: total(({ doubled }) => doubled),
    ackMs: times("ackMs"),
    replyMs: times("replyMs"),
    afterAckMs: times("afterAckMs"),
    lateMs: times("lateMs"),
    backlog: middle(({ backlog }) => backlog),
    drainSeconds: middle(({ drainSeconds }) => drainSeconds),
    cpuMicros: Object.fromEntries(
      groups.map((name) => [name, middle(({ cpuMicros }) => cpuMicros[name] ?? 0)]),
    ),
    ownShare: middle(({ ownShare }) => ownShare),
    otherShare: middle(({ otherShare }) => otherShare),
    ackP99Ms: passes.map(({ ackMs }) => ackMs.p99),
    replyP50Ms: passes.map(({ replyMs }) => replyMs.p50),
    otherShares: passes.map((pass) => round(pass.otherShare)),
  };
}

function baselineRow(times: Times | undefined): Row[] {
  return times ? [{ what: "  baseline: bare server, three files", value: shown(times) }] : [];
}

function detailRows(each: Summary): Row[] {
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const cpu = Object.entries(each.cpuMicros).filter(([name]) => name !== "baseline");
  return [
    { what: "  sent later than planned", value: shown(each.lateMs) },
    {
      what: "  unanswered at the end, done after",
      value: `${each.backlog}, ${each.drainSeconds} s`,
    },
    ...cpu.map(([name, micros]) => ({ what: `  CPU: ${name}`, value: `${micros} us each` })),
    {
      what: "  processors: this bench, anything else",
      value: `${percent(each.ownShare)}, ${percent(each.otherShare)}`,
    },
  ];
}

function shown({ p50, p99 }: Times): string {
  return `p50 ${p50} ms, p99 ${p99} ms`;
}
