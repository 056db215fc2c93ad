/**
 * Partitions of a loaded cluster move from node to node in good order: how long their conversations wait for
 * it, and whether any turn fails or asks the model again. Settings and figures: docs/benchmarks.md.
 */
import { exitOnSignals } from "../lib/child.ts";
import { BenchCluster } from "../lib/cluster.ts";
import { ClusterLoad } from "../lib/cluster-load.ts";
import type { ClusterNode } from "../lib/cluster-node.ts";
import { ownedCounts, partitionsOf, pause, until } from "../lib/cluster-views.ts";
import { checkHistories } from "../lib/history-check.ts";
import { Workshop } from "../lib/home.ts";
import { startBenchModel } from "../lib/model-process.ts";
import { readModelRecord } from "../lib/model-record.ts";
import { PlacedAgents } from "../lib/placed-agents.ts";
import { EpochWatch } from "./epoch-watch.ts";
import { pausesOf } from "./pauses.ts";
import { type MoveResult, reportMove } from "./report.ts";
import { type MoveSettings, readSettings } from "./settings.ts";

exitOnSignals();
const settings = readSettings(process.argv.slice(2));
reportMove(settings, await measure(settings));

async function measure(settings: MoveSettings): Promise<MoveResult> {
  await using workshop = new Workshop();
  const { stores, computes, partitions, conversations, modelMs } = settings;
  // The answer is one token.
  const model = workshop.use(await startBenchModel({ tokensPerSecond: 1_000 / modelMs }));
  const folder = workshop.home();
  const cluster = workshop.use(await BenchCluster.start({ folder, stores, computes, partitions }));
  const agents = new PlacedAgents({ organization: "move", partitions, agentsPerPartition: 2 });
  await cluster.anyApi.apply(agents.resources(model.url));
  const entries = cluster.running.map((node) => cluster.api(node));
  const load = new ClusterLoad({ agents, conversations, thinkMs: 0, entries: () => entries });
  load.start();
  await pause(settings.restMs);
  const watch = new EpochWatch(cluster);
  for (let count = 0; count < settings.drains; count += 1) {
    // The founder, which the watch asks, has its turn, too.
    const node = cluster.nodes[(count + 1) % cluster.nodes.length];
    if (node) await drainAndReturn(cluster, node, settings);
    console.error(`${count + 1}. ${node?.name}: ${watch.moves.length} moves so far`);
  }
  await watch.stop();
  await load.stop();
  const { exchanges, wrong, givenUp } = load;
  const check = await checkHistories(cluster.anyApi, load.expected());
  const record = readModelRecord(await model.takeAsks(), exchanges);
  const { moves } = watch;
  const found = pausesOf(exchanges, moves, (conversation) => agents.partitionOf(conversation));
  const { engineVersion } = cluster;
  return { ...found, moves: moves.length, exchanges, wrong, givenUp, check, record, engineVersion };
}

/** Errors: its partitions do not leave, or none comes back. */
async function drainAndReturn(
  cluster: BenchCluster,
  node: ClusterNode,
  { restMs, returnMs }: MoveSettings,
): Promise<void> {
  const owned = async () => ownedCounts(await partitionsOf(cluster.anyApi)).get(node.name) ?? 0;
  await pause(restMs);
  await cluster.change(node, "drain");
  await until(`${node.name} has no partitions`, 60_000, async () => {
    const left = await owned();
    return left === 0 || `${left} left`;
  });
  await cluster.untilHealthy({ mayLag: true });
  await pause(restMs);
  await cluster.change(node, "activate");
  await until(`${node.name} has partitions again`, returnMs, async () => {
    return (await owned()) > 0 || "none yet";
  });
  await cluster.untilHealthy({ mayLag: true });
}
