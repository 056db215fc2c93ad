/**
 * How many agents and conversations fit a node, and what it costs to bring a conversation back.
 * Settings and figures: docs/benchmarks.md.
 */
import { Workshop } from "../lib/home.ts";
import { round, spreadOf } from "../lib/spread.ts";
import { type BenchNode, startBenchNode } from "../lib/node-process.ts";
import { keyValueReads } from "./key-value-baseline.ts";
import { activate, bareRequests, listPages, untilPassivated } from "./measures.ts";
import { fillConversations, registerAgents } from "./population.ts";
import { type DensityResult, type Passivated, reportDensity } from "./report.ts";
import { readSettings } from "./settings.ts";

const settings = readSettings(process.argv.slice(2));
reportDensity(settings, await measure());

async function measure(): Promise<DensityResult> {
  await using workshop = new Workshop();
  const home = workshop.home();
  let node = workshop.use(await startBenchNode(home));
  workshop.watch(node.engine.map(({ pid }) => pid));
  const empty = await node.memory();

  const registering = performance.now();
  await registerAgents(node.api, settings.agents);
  const registerSeconds = (performance.now() - registering) / 1_000;
  const withAgents = await node.memory();
  console.log(`${settings.agents} agents registered in ${round(registerSeconds)} s`);
  const bare = spreadOf(await bareRequests(node.api, settings.listings));
  const pages = spreadOf(await listPages(node.api, settings, 100));
  const longPages = spreadOf(await listPages(node.api, settings, 1_000));

  const before = await node.memory();
  const filled = await fillConversations(node.api, settings);
  const turnsPerSecond = (settings.conversations * settings.messages) / filled.seconds;
  console.log(`conversations filled in ${round(filled.seconds)} s`);
  await new Promise((resolve) => setTimeout(resolve, settings.pauseMs));
  const active = await node.api.metric("holdfast_conversations_active");
  const after = await node.memory();
  if (settings.snapshot) await node.snapshot(settings.snapshot);

  const passivated = settings.waitPassivation ? await passivate(node) : undefined;
  const stopping = performance.now();
  await node.stop();
  const stopSeconds = (performance.now() - stopping) / 1_000;
  const starting = performance.now();
  node = workshop.use(await startBenchNode(home));
  workshop.watch(node.engine.map(({ pid }) => pid));
  const startSeconds = (performance.now() - starting) / 1_000;
  console.log(`stopped in ${round(stopSeconds)} s, started in ${round(startSeconds)} s`);
  const restarted = await activate(node, settings, 11);
  await node.stop();
  const valueBytes = Math.ceil(filled.textBytes / settings.conversations) + 2_000;
  const keyValue = await keyValueReads({
    home: workshop.home(),
    values: settings.activations * 2,
    valueBytes,
    reads: settings.activations,
    width: settings.activationWidth,
  });
  return {
    engineVersion: node.engineVersion,
    empty,
    withAgents,
    before,
    after,
    active,
    textBytes: filled.textBytes,
    registerSeconds,
    turnsPerSecond,
    stopSeconds,
    startSeconds,
    bare,
    pages,
    longPages,
    restarted,
    passivated,
    keyValue: spreadOf(keyValue),
  };
}

/** Until the node has put all conversations out of memory, then brings some back. */
async function passivate(node: BenchNode): Promise<Passivated> {
  const seconds = await untilPassivated(node);
  console.log(`all put out of memory after ${round(seconds)} s`);
  const memory = await node.memory();
  return { seconds, memory, activations: await activate(node, settings, 12) };
}
