/**
 * The turns that 1, 2, 4 and 8 nodes of one cluster get done, where a node's turns and the model's time are
 * the bound and not this machine's processors. Settings and figures: docs/benchmarks.md.
 */
import { exitOnSignals } from "../lib/child.ts";
import { BenchCluster } from "../lib/cluster.ts";
import { Workshop } from "../lib/home.ts";
import { startBenchModel } from "../lib/model-process.ts";
import { PlacedAgents } from "../lib/placed-agents.ts";
import { type Level, measureLevel } from "./level.ts";
import { reportScaling } from "./report.ts";
import { readSettings, type ScalingSettings } from "./settings.ts";

exitOnSignals();
const settings = readSettings(process.argv.slice(2));
const { levels, engineVersion } = await measure(settings);
reportScaling(settings, levels, engineVersion);

async function measure(
  settings: ScalingSettings,
): Promise<{ levels: Level[]; engineVersion: string }> {
  await using workshop = new Workshop();
  const { stores, partitions, turns, modelMs } = settings;
  // The answer is one token.
  const model = workshop.use(await startBenchModel({ tokensPerSecond: 1_000 / modelMs }));
  const env = { HOLDFAST_TURNS: String(turns) };
  const folder = workshop.home();
  const cluster = workshop.use(
    await BenchCluster.start({ folder, stores, computes: 0, partitions, env }),
  );
  const levels: Level[] = [];
  for (let pass = 0; pass < settings.passes; pass += 1) {
    for (const count of settings.levels) {
      // Each run has conversations of its own, so that none is longer than those of another run.
      const organization = `run-${pass}-${count}`;
      const agents = new PlacedAgents({ organization, partitions, agentsPerPartition: 2 });
      await cluster.anyApi.apply(agents.resources(model.url));
      const level = await measureLevel({ cluster, agents, settings }, count);
      levels.push(level);
      console.error(`${count} nodes: ${level.turnsPerSecond.toFixed(1)} turns/s`);
    }
  }
  return { levels, engineVersion: cluster.engineVersion };
}
