/**
 * Nodes of a loaded cluster are killed, one after the other and by kind: how long the conversations they
 * served are without a reply, and whether anything is lost, doubled or out of order. docs/benchmarks.md.
 */
import { BenchCluster } from "../lib/cluster.ts";
import { exitOnSignals } from "../lib/child.ts";
import { ClusterLoad } from "../lib/cluster-load.ts";
import type { ClusterNode } from "../lib/cluster-node.ts";
import { checkHistories } from "../lib/history-check.ts";
import { Workshop } from "../lib/home.ts";
import { startBenchModel } from "../lib/model-process.ts";
import { readModelRecord } from "../lib/model-record.ts";
import { PlacedAgents } from "../lib/placed-agents.ts";
import { reportFailover, type FailoverResult } from "./report.ts";
import { type Round, runRound } from "./round.ts";
import { type FailoverSettings, readSettings } from "./settings.ts";

exitOnSignals();
const settings = readSettings(process.argv.slice(2));
reportFailover(settings, await measure(settings));

async function measure(settings: FailoverSettings): Promise<FailoverResult> {
  await using workshop = new Workshop();
  const { stores, computes, partitions, conversations, thinkMs, modelMs } = settings;
  // The answer is one token.
  const model = workshop.use(await startBenchModel({ tokensPerSecond: 1_000 / modelMs }));
  const folder = workshop.home();
  const cluster = workshop.use(await BenchCluster.start({ folder, stores, computes, partitions }));
  const agents = new PlacedAgents({ organization: "failover", partitions, agentsPerPartition: 2 });
  await cluster.anyApi.apply(agents.resources(model.url));
  let entries = cluster.running;
  const setEntries = (nodes: readonly ClusterNode[]) => {
    entries = nodes;
  };
  const load = new ClusterLoad({
    agents,
    conversations,
    thinkMs,
    entries: () => entries.map((node) => cluster.api(node)),
  });
  load.start();
  const rounds: Round[] = [];
  for (let count = 0; count < settings.kills; count += 1) {
    // By turns, so that what slows the machine for a while slows all kinds.
    for (const kind of settings.kinds) {
      const round = await runRound({ cluster, load, agents, settings, setEntries }, kind);
      rounds.push(round);
      tell(round, rounds.length);
    }
  }
  setEntries(cluster.running);
  await load.stop();
  await cluster.untilHealthy();
  const check = await checkHistories(cluster.anyApi, load.expected());
  const record = readModelRecord(await model.takeAsks(), load.exchanges);
  const { exchanges, wrong, givenUp } = load;
  const { engineVersion } = cluster;
  const problems = load.problems();
  return { rounds, exchanges, wrong, givenUp, problems, check, record, engineVersion };
}

function tell({ kind, node, partitions, recoveryMs, missing, healedMs }: Round, number: number) {
  const slowest = Math.round(Math.max(0, ...recoveryMs));
  const lost = missing > 0 ? `, ${missing} without a reply` : "";
  console.error(
    `${number}. ${kind} ${node} with ${partitions} partitions: ${recoveryMs.length} conversations within ` +
      `${slowest} ms${lost}; healthy after another ${Math.round(healedMs)} ms`,
  );
}
