import { round, type Spread, spreadOf } from "../lib/spread.ts";
import type { NodeMemory } from "../lib/node-process.ts";
import { megabytes, printReport, type Row } from "../lib/report.ts";
import type { Activations } from "./measures.ts";
import type { DensitySettings } from "./settings.ts";

export interface DensityResult {
  readonly engineVersion: string;
  readonly empty: NodeMemory;
  readonly withAgents: NodeMemory;
  /** Before the first conversation, after the listings. */
  readonly before: NodeMemory;
  readonly after: NodeMemory;
  readonly active: number;
  readonly textBytes: number;
  readonly registerSeconds: number;
  readonly turnsPerSecond: number;
  readonly stopSeconds: number;
  readonly startSeconds: number;
  readonly bare: Spread;
  readonly pages: Spread;
  readonly longPages: Spread;
  readonly restarted: Activations;
  readonly passivated: Passivated | undefined;
  readonly keyValue: Spread;
}

export interface Passivated {
  readonly seconds: number;
  /** With no conversation in memory. */
  readonly memory: NodeMemory;
  readonly activations: Activations;
}

const wantedMb = 1.2 * 1_024;
const wantedBytes = 8 * 1_024;

export function reportDensity(settings: DensitySettings, result: DensityResult): void {
  const { before, after, empty, withAgents, active, restarted, passivated } = result;
  const text = result.textBytes / settings.conversations;
  const perConversation = (read: (memory: NodeMemory) => number) =>
    Math.round((read(after) - read(before)) / settings.conversations - text);
  const heapBytes = perConversation(({ heapUsed, external }) => heapUsed + external);
  const residentBytes = perConversation(({ rssCollected }) => rssCollected);
  const rows: Row[] = [
    ["resident: empty node", mb(empty.rssCollected)],
    [`resident: ${settings.agents} agents`, mb(withAgents.rssCollected)],
    ["resident: conversations active", mb(after.rss), "< 1.2 GB", megabytes(after.rss) < wantedMb],
    ["  after forced collection", mb(after.rssCollected)],
    ["  peak so far", mb(after.peak), "< 1.2 GB", megabytes(after.peak) < wantedMb],
    ["  heap used", mb(after.heapUsed)],
    ["  heap reserved, outside the heap", `${mb(after.heapTotal)}, ${mb(after.external)}`],
    ["conversations in memory", `${active} of ${settings.conversations}`],
    ["text per conversation", `${Math.round(text)} bytes`],
    ["beyond it, heap", `${heapBytes} bytes`, "<= 8 KB", heapBytes <= wantedBytes],
    ["beyond it, resident", `${residentBytes} bytes`, "<= 8 KB", residentBytes <= wantedBytes],
    ["heap per agent", `${heapPerAgent(settings, result)} bytes`],
    ["registering agents", `${round(settings.agents / result.registerSeconds)} per second`],
    ["filling", `${round(result.turnsPerSecond)} turns per second`],
    [
      "stop in good order, start",
      `${round(result.stopSeconds)} s, ${round(result.startSeconds)} s`,
    ],
    ["list 100 agents", shown(result.pages), "p99 < 50 ms", result.pages.p99 < 50],
    ["list 1000 agents", shown(result.longPages), "p99 < 50 ms", result.longPages.p99 < 50],
    ["  baseline: GET /healthz", shown(result.bare)],
    ...(passivated
      ? [
          ["resident: all passivated", mb(passivated.memory.rssCollected)] as Line,
          ["  heap used", mb(passivated.memory.heapUsed)] as Line,
          ...activationRows("from its checkpoint", passivated.activations, true),
        ]
      : []),
    ...activationRows("after a restart", restarted, false),
    ["  baseline: key-value read", shown(result.keyValue)],
  ].map(([what, value, wanted, met]) => ({ what, value, wanted, met }) as Row);
  printReport(
    rows,
    {
      name: "density",
      value: megabytes(after.rss),
      unit: "MB resident",
      baseline: megabytes(empty.rssCollected),
      ratio: round(after.rss / empty.rssCollected),
      peakMb: megabytes(after.peak),
      collectedMb: megabytes(after.rssCollected),
      heapUsedMb: megabytes(after.heapUsed),
      heapTotalMb: megabytes(after.heapTotal),
      externalMb: megabytes(after.external),
      heapBytesPerConversation: heapBytes,
      residentBytesPerConversation: residentBytes,
      textBytesPerConversation: Math.round(text),
      activeConversations: active,
      heapBytesPerAgent: heapPerAgent(settings, result),
      restartedMs: spreadOf(restarted.reads),
      restartedAskMs: spreadOf(restarted.asks),
      ...(passivated && {
        activationMs: spreadOf(passivated.activations.reads),
        activationAskMs: spreadOf(passivated.activations.asks),
        passivatedMb: megabytes(passivated.memory.rssCollected),
        passivatedHeapMb: megabytes(passivated.memory.heapUsed),
        activationRatio: round(
          spreadOf(passivated.activations.reads).p50 / Math.max(0.01, result.keyValue.p50),
        ),
      }),
      activationBaselineMs: result.keyValue,
      listMs: result.pages,
      listLongMs: result.longPages,
      listBaselineMs: result.bare,
      listRatio: round(result.pages.p99 / Math.max(0.01, result.bare.p99)),
      settings,
    },
    result.engineVersion,
  );
}

type Line = readonly [string, string, string?, boolean?];

/** Only the way from a checkpoint has a target: a restart also reads what no checkpoint holds yet. */
function activationRows(
  how: string,
  { reads, asks, warmReads, warmAsks }: Activations,
  isJudged: boolean,
): Line[] {
  const cold = spreadOf(reads);
  const met = cold.p50 < 5 && cold.p99 < 15;
  return [
    isJudged
      ? [`activation by a read, ${how}`, shown(cold), "p50 < 5, p99 < 15 ms", met]
      : [`activation by a read, ${how}`, shown(cold)],
    ["  the same read, in memory", shown(spreadOf(warmReads))],
    [`activation by a message, ${how}`, shown(spreadOf(asks))],
    ["  the same, in memory", shown(spreadOf(warmAsks))],
  ];
}

function heapPerAgent({ agents }: DensitySettings, { empty, withAgents }: DensityResult): number {
  return Math.round((withAgents.heapUsed - empty.heapUsed) / agents);
}

function mb(bytes: number): string {
  return `${megabytes(bytes)} MB`;
}

function shown({ p50, p99, max }: Spread): string {
  return `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;
}
