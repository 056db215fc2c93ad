import { mkdirSync, rmSync } from "node:fs";
import type { LoadResult } from "../lib/load.ts";
import { eachOf } from "../lib/pool.ts";
import { processMemory } from "../lib/process-memory.ts";
import type { Contender, RunningContender } from "./contender.ts";
import { type KillPlan, killRun, type KillResult } from "./kill-run.ts";
import { notePromptBytes } from "./openclaw-home.ts";
import type { PeerLoad } from "./peer-load.ts";
import { askPatiently, peerText } from "./peer-request.ts";
import type { PeersSettings } from "./settings.ts";
import type { Stub } from "./stub.ts";
import { messageBytes } from "./workload.ts";

const firstTurnTimeoutMs = 120_000;
const firstTurnsAtOnce = 4;

/** One contender's turn in one pass. */
export interface Measured {
  readonly version: string;
  /** From nothing, packages apart, to ready for the load. */
  readonly startMs: number;
  /** For one turn in each conversation, a few at once. */
  readonly firstTurnsMs: number;
  readonly levels: readonly MeasuredLevel[];
  /** Bytes of all processes together, after the load. */
  readonly residentBytes: number;
  readonly kill: KillResult | undefined;
  /** Why there is none. */
  readonly killProblem: string | undefined;
}

export interface MeasuredLevel {
  readonly conversations: number;
  /** Mean of what one turn sent to the model. */
  readonly requestBytes: number;
  readonly result: LoadResult;
}

export interface MeasureOptions {
  readonly settings: PeersSettings;
  readonly stub: Stub;
  readonly load: PeerLoad;
  /** Scratch folder of this turn; removed at its end. */
  readonly folder: string;
}

/** Starts the contender on nothing, loads it, kills it, ends it. Errors: it does not start; it cannot be read. */
export async function measureContender(
  contender: Contender,
  { settings, stub, load, folder }: MeasureOptions,
): Promise<Measured> {
  const { workload, name } = contender;
  const levels = settings.levels[workload];
  const most = Math.max(...levels);
  mkdirSync(folder, { recursive: true });
  const startedAt = performance.now();
  try {
    const { cache } = settings;
    const running = await contender.start({ stub, folder, cache, conversations: 2 * most });
    try {
      const startMs = performance.now() - startedAt;
      const measured: MeasuredLevel[] = [];
      // OpenClaw needs seconds for the first turn of each agent: that belongs to no level.
      const firstTurnsMs = await firstTurns(running, most);
      await stub.takeRequestBytes();
      for (const conversations of levels) {
        const { warmupMs } = settings;
        const runMs = settings.runMs[workload];
        const loop = { inFlight: conversations, conversations, textBytes: messageBytes };
        const result = await load.run(running.target(), { ...loop, warmupMs, runMs });
        const requestBytes = await stub.takeRequestBytes();
        if (name === "openclaw") notePromptBytes(requestBytes);
        measured.push({ conversations, requestBytes, result });
        tell(contender, conversations, result);
      }
      const residentBytes = running.pids().reduce((sum, pid) => sum + residentOf(pid), 0);
      let kill: KillResult | undefined;
      let killProblem: string | undefined;
      // What the load has shown stays when this fails.
      try {
        if (name !== "stub") kill = await killRun(running, stub, killPlan(contender, settings));
      } catch (thrown) {
        killProblem = `kill: ${String(thrown)}`;
      }
      const { version } = running;
      const facts = { version, startMs, firstTurnsMs, residentBytes };
      return { ...facts, levels: measured, kill, killProblem };
    } finally {
      await stub.setDelay(0);
      await running.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function killPlan({ workload }: Contender, settings: PeersSettings): KillPlan {
  const conversations = Math.max(...settings.levels[workload]);
  return {
    firstConversation: conversations,
    conversations,
    // OpenClaw takes a message that comes while another runs into that one's turn.
    perConversation: workload === "prompt" ? 1 : 3,
    scope: settings.kill,
    recoveryMs: settings.recoveryMs,
    filler: "x".repeat(messageBytes),
  };
}

async function firstTurns(running: RunningContender, conversations: number): Promise<number> {
  const startedAt = performance.now();
  const text = "x".repeat(messageBytes);
  await eachOf(conversations, firstTurnsAtOnce, (conversation) => {
    const id = `first.${conversation}`;
    const request = { conversation, id, text: peerText(id, text), lane: conversation };
    return askPatiently(running.target(), request, firstTurnTimeoutMs);
  });
  return performance.now() - startedAt;
}

function residentOf(pid: number): number {
  try {
    return processMemory(pid).rss;
  } catch {
    // A helper process that has just ended.
    return 0;
  }
}

function tell({ name, workload }: Contender, conversations: number, result: LoadResult): void {
  const { turnsPerSecond, p50Ms, p99Ms, errors, failures, cpuShare } = result;
  console.error(
    `  ${name} (${workload}) ${conversations}: ${turnsPerSecond.toFixed(1)} turns/s  p50 ${p50Ms.toFixed(1)} ms  ` +
      `p99 ${p99Ms.toFixed(1)} ms  generator ${(cpuShare * 100).toFixed(0)} % of a core  ${errors} errors`,
  );
  for (const failure of failures) console.error(`    ${failure}`);
}
