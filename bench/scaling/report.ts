import { markdownTable, median, rounded } from "../lib/figures.ts";
import { isClean } from "../lib/history-check.ts";
import { printReport } from "../lib/report.ts";
import { round } from "../lib/spread.ts";
import type { Level } from "./level.ts";
import type { ScalingSettings } from "./settings.ts";

const wantedGain = 0.95;

export function reportScaling(
  settings: ScalingSettings,
  levels: readonly Level[],
  engineVersion: string,
): void {
  const byNodes = settings.levels.map((nodes) => {
    const own = levels.filter((level) => level.nodes === nodes);
    const middle = (figure: (level: Level) => number) => rounded(median(own.map(figure)));
    return {
      nodes,
      processes: own[0]?.processes ?? nodes,
      owned: own.map(({ owned }) => owned.join(" ")).join("; "),
      turnsPerSecond: middle((level) => level.turnsPerSecond),
      ideal: rounded((nodes * settings.turns * 1_000) / settings.modelMs),
      p50Ms: middle(({ turnMs }) => turnMs.p50),
      p99Ms: middle(({ turnMs }) => turnMs.p99),
      nodeCpuMs: middle(({ nodeCpuMs }) => nodeCpuMs),
      engineCpuMs: middle(({ engineCpuMs }) => engineCpuMs),
      idleNodeCores: middle(({ idleNodeCores }) => idleNodeCores),
      idleEngineCores: middle(({ idleEngineCores }) => idleEngineCores),
      loadCores: middle(({ loadCores }) => loadCores),
    };
  });
  const doublings = byNodes.slice(1).map((level, index) => {
    const before = byNodes[index];
    if (!before) throw new Error("a level without one before it");
    // What was gained, of what as many nodes more would bring at the best.
    const more = level.nodes / before.nodes - 1;
    const gain = (level.turnsPerSecond / before.turnsPerSecond - 1) / more;
    return { from: before.nodes, to: level.nodes, gain: round(gain) };
  });
  const failures = levels.reduce((sum, level) => sum + level.failures, 0);
  const areClean = levels.every(({ check }) => isClean(check));
  const head = [
    "nodes",
    "processes",
    "partitions",
    "turns/s",
    "ideal",
    "p50 ms",
    "p99 ms",
    "node CPU ms",
  ];
  const more = ["engine CPU ms", "idle nodes, cores", "idle engines, cores", "load, cores"];
  console.log(
    markdownTable(
      [...head, ...more],
      byNodes.map((level) => Object.values(level)),
    ),
  );
  console.log("\nCPU ms: for each turn.\n");
  const least = Math.min(1, ...doublings.map(({ gain }) => gain));
  const [first] = byNodes;
  const last = byNodes.at(-1);
  printReport(
    [
      ...doublings.map(({ from, to, gain }) => ({
        what: `gained from ${from} to ${to} nodes`,
        value: `${Math.round(gain * 1_000) / 10} %`,
        wanted: `>= ${wantedGain * 100} %`,
        met: gain >= wantedGain,
      })),
      { what: "messages tried again", value: String(failures), wanted: "0", met: failures === 0 },
      {
        what: "lost, doubled, reordered, strange",
        value: areClean ? "0, 0, 0, 0" : "wrong",
        wanted: "0, 0, 0, 0",
        met: areClean,
      },
    ],
    {
      name: "scaling",
      value: last?.turnsPerSecond ?? 0,
      unit: `turns/s of ${last?.nodes ?? 0} nodes`,
      baseline: first?.turnsPerSecond ?? 0,
      ratio: round((last?.turnsPerSecond ?? 0) / Math.max(0.01, first?.turnsPerSecond ?? 0)),
      leastGain: least,
      doublings,
      levels: byNodes,
      failures,
      problems: levels.map(({ problems }) => problems),
      areClean,
      settings,
    },
    engineVersion,
  );
  if (!areClean) process.exitCode = 1;
}
