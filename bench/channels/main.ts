/**
 * Webhooks of Slack and Telegram at fixed times to one node of a cluster whose data has three replicas: how
 * long until they are acknowledged, which is when they are durable, and how long until the agent's reply
 * arrives at the platform. Figures: docs/benchmarks.md.
 */
import { exitOnSignals } from "../lib/child.ts";
import { BenchCluster } from "../lib/cluster.ts";
import { Workshop } from "../lib/home.ts";
import { startBaseline } from "./baseline.ts";
import { startGenerator, type Target } from "./generator.ts";
import { untilQuiet } from "./machine-work.ts";
import { NodeProfiler } from "./node-profiler.ts";
import { type PassContext, type PassResult, runPass } from "./pass.ts";
import { organization, resourcesOf, secrets } from "./platforms.ts";
import { type ChannelResult, type Measured, reportChannels } from "./report.ts";
import { type ChannelSettings, readSettings } from "./settings.ts";
import { startPlatformStub } from "./stub.ts";

/** At this rate the warm-up says one thing in every chat, so that no measured message is a chat's first. */
const warmRate = 150;
const warmBaselineSeconds = 3;

exitOnSignals();
const settings = readSettings(process.argv.slice(2));
reportChannels(settings, await measure(settings));

async function measure(settings: ChannelSettings): Promise<ChannelResult> {
  await using workshop = new Workshop();
  const stub = workshop.use(await startPlatformStub());
  const generator = workshop.use(startGenerator());
  const folder = workshop.home();
  const { stores, partitions } = settings;
  const cluster = workshop.use(
    await BenchCluster.start({ folder, stores, computes: 0, partitions, env: secrets }),
  );
  await cluster.anyApi.apply(resourcesOf(settings, stub.url));
  const [entry, ...others] = cluster.nodes;
  if (!entry) throw new Error("The cluster has no node.");
  const baseline = workshop.use(await startBaseline(entry, workshop.home(), stub.url));
  const context: PassContext = {
    generator,
    stub,
    groups: {
      "the node asked": [entry.pid],
      "the other nodes": others.map(({ pid }) => pid),
      engines: cluster.nodes.flatMap(({ enginePids }) => enginePids),
      baseline: [baseline.pid],
      "load and stub": [generator.pid, stub.pid],
    },
  };
  let first = 0;
  const pass = async (target: Target, rate: number, seconds: number): Promise<PassResult> => {
    const { connections, seed, quietWaitMs } = settings;
    await untilQuiet(Object.values(context.groups).flat(), quietWaitMs);
    const plan = { target, world: settings, first, rate, seconds, seed: seed + first, connections };
    const result = await runPass(context, plan);
    first += result.webhooks;
    return result;
  };
  const product: Target = { url: entry.url, ca: baseline.target.ca };
  await pass(product, warmRate, settings.chats / warmRate);
  await pass(baseline.target, warmRate, warmBaselineSeconds);
  const measured: Measured[] = [];
  for (let count = 0; count < settings.passes; count += 1) {
    for (const rate of new Set([...settings.rates, settings.pacedRate])) {
      // By turns, so that what slows the machine for a while slows both.
      const isProfiled = settings.profile !== undefined && count === settings.passes - 1;
      const profiler = isProfiled ? await NodeProfiler.begin(entry.pid) : undefined;
      const found = await pass(product, rate, settings.seconds);
      await profiler?.end(settings.profile ?? "", `rate-${rate}`);
      const bare = await pass(baseline.target, rate, settings.seconds);
      measured.push({ product: found, baseline: bare });
      tell("product", found);
      tell("baseline", bare);
    }
  }
  const unknown = await unknownSends(cluster);
  return { passes: measured, unknown, engineVersion: cluster.engineVersion };
}

/** Replies of which the nodes themselves say that they may or may not have been sent. */
async function unknownSends(cluster: BenchCluster): Promise<number> {
  const path = `/api/v1/orgs/${organization}/failed-deliveries?limit=1000`;
  const { text } = await cluster.anyApi.must("GET", path);
  const { items } = JSON.parse(text) as { items: { readonly state: string }[] };
  return items.filter(({ state }) => state === "unknown").length;
}

function tell(name: string, result: PassResult): void {
  const { rate, ackMs, replyMs, lateMs, backlog, drainSeconds, problems } = result;
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  console.error(
    `${name.padEnd(9)} ${rate}/s: acknowledged p50 ${ackMs.p50} p99 ${ackMs.p99} ms, reply p50 ${replyMs.p50} ` +
      `p99 ${replyMs.p99} ms, sent late p99 ${lateMs.p99} ms, ${backlog} left for ${drainSeconds} s; machine: ` +
      `${percent(result.ownShare)} this, ${percent(result.otherShare)} else`,
  );
  for (const problem of problems) console.error(`  ${problem}`);
}
