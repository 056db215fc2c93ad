/**
 * Replays an arrival trace of LLM requests against a cluster and a model that takes its time, and kills a node
 * in the middle: what the platform adds, and whether everything is answered once and in order.
 * Figures: docs/benchmarks.md.
 */
import { exitOnSignals } from "../lib/child.ts";
import { BenchCluster } from "../lib/cluster.ts";
import { Workshop } from "../lib/home.ts";
import { startBenchModel } from "../lib/model-process.ts";
import { pieceOf } from "./pieces.ts";
import { reportTrace } from "./report.ts";
import { runSpeed, type SpeedResult } from "./run-speed.ts";
import { readSettings, type TraceSettings } from "./settings.ts";
import { readTrace } from "./trace-file.ts";

exitOnSignals();
const settings = readSettings(process.argv.slice(2));
const { results, engineVersion } = await measure(settings);
reportTrace(settings, results, engineVersion);

async function measure(
  settings: TraceSettings,
): Promise<{ results: SpeedResult[]; engineVersion: string }> {
  const arrivals = readTrace(settings.file);
  await using workshop = new Workshop();
  const { stores, computes, partitions, tokensPerSecond } = settings;
  const model = workshop.use(await startBenchModel({ tokensPerSecond }));
  const folder = workshop.home();
  const cluster = workshop.use(await BenchCluster.start({ folder, stores, computes, partitions }));
  const results: SpeedResult[] = [];
  for (const speed of settings.speeds) {
    const piece = pieceOf(arrivals, speed, settings);
    results.push(await runSpeed({ cluster, model, settings }, speed, piece));
    console.error(`${speed}x: ${piece.length} requests`);
  }
  return { results, engineVersion: cluster.engineVersion };
}
