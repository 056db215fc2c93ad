import type { BenchCluster } from "../lib/cluster.ts";
import { pause, until } from "../lib/cluster-views.ts";
import { type CheckResult, checkHistories, type Expected } from "../lib/history-check.ts";
import type { BenchModel } from "../lib/model-process.ts";
import { baseline } from "./baseline.ts";
import { type Kill, killOne } from "./kill.ts";
import { type Exchange, Replay } from "./replay.ts";
import { type Sample, Sampler } from "./sampler.ts";
import { TraceSender } from "./sender.ts";
import type { TraceSettings } from "./settings.ts";
import { type Shares, sharesOf } from "./shares.ts";
import type { Arrival } from "./trace-file.ts";

export interface SpeedResult {
  readonly speed: number;
  readonly requests: number;
  readonly seconds: number;
  /** From the last answer to a client until nothing was unanswered. */
  readonly backlogSeconds: number;
  readonly bare: Shares;
  readonly shares: Shares;
  /** Of the requests that no kill and no failover overlaps. */
  readonly undisturbed: Shares;
  /** From the kill until every partition had a living owner; undefined without a kill. */
  readonly healedMs: number | undefined;
  /** Messages that clients sent more than once. */
  readonly repeatedMessages: number;
  readonly check: CheckResult;
  readonly samples: readonly Sample[];
}

export interface SpeedContext {
  readonly cluster: BenchCluster;
  readonly model: BenchModel;
  readonly settings: TraceSettings;
}

/** Replays a piece of the trace; in its middle a node is killed, which is started again at the end. */
export async function runSpeed(
  { cluster, model, settings }: SpeedContext,
  speed: number,
  arrivals: readonly Arrival[],
): Promise<SpeedResult> {
  const { agents, conversations } = settings;
  const bare = await baseline(model, settings, speed, arrivals);
  const organization = `trace-${String(speed).replace(".", "-")}x`;
  await cluster.anyApi.apply(resources(organization, agents, model.url));
  const sender = new TraceSender({ cluster, organization, agents });
  const replay = new Replay({ arrivals, speed, conversations }, (number, id, text) =>
    sender.send(number, id, text),
  );
  const sampler = new Sampler({
    nodes: () => cluster.running.map(({ pid }) => pid),
    engines: () => cluster.running.flatMap(({ enginePids }) => enginePids),
    open: () => replay.open,
  });
  const startedAt = performance.now();
  const halfMs = (arrivals.at(-1)?.atMs ?? 0) / speed / 2;
  const killing = settings.kills ? pause(halfMs).then(() => killOne(cluster)) : undefined;
  const [exchanges, kill] = await Promise.all([replay.run(), killing]);
  const seconds = (performance.now() - startedAt) / 1_000;
  const samples = sampler.stop();
  const calls = await model.takeCalls();
  const backlogSeconds = await untilNothingWaits(cluster);
  const check = await checkHistories(cluster.anyApi, expectedOf(exchanges, sender));
  if (kill) {
    await kill.node.start();
    await cluster.untilHealthy();
  }
  return {
    speed,
    requests: arrivals.length,
    seconds,
    backlogSeconds,
    bare,
    shares: sharesOf(exchanges, calls),
    undisturbed: sharesOf(exchanges.filter(isAwayFrom(kill)), calls),
    healedMs: kill && kill.healedAt - kill.at,
    repeatedMessages: sender.repeated,
    check,
    samples,
  };
}

function isAwayFrom(kill: Kill | undefined): (exchange: Exchange) => boolean {
  return ({ sentAt, answeredAt }) => !kill || answeredAt < kill.at || sentAt > kill.healedAt;
}

/** Seconds until no message waits for its answer: one whose turn failed for now is still owed it. */
async function untilNothingWaits(cluster: BenchCluster): Promise<number> {
  const startedAt = performance.now();
  await until("every message is answered", 300_000, async () => {
    for (const node of cluster.running) {
      const api = cluster.api(node);
      const left = await api.metric("holdfast_messages_pending");
      const lag = await api.metric("holdfast_inbox_lag_records");
      if (left + lag > 0) return `${node.name}: ${left} messages, lag ${lag}`;
    }
    return true;
  });
  return (performance.now() - startedAt) / 1_000;
}

function expectedOf(exchanges: readonly Exchange[], sender: TraceSender): Expected[] {
  const of = Map.groupBy(exchanges, ({ conversation }) => conversation);
  return [...of].map(([conversation, own]) => {
    const sent = own.toSorted((a, b) => a.sentAt - b.sentAt);
    const ids = (some: readonly Exchange[]) => some.map(({ id }) => id);
    return {
      path: sender.pathOf(conversation),
      ids: ids(sent),
      unsure: new Set(ids(sent.filter(({ isDurable }) => !isDurable))),
      overlapping: new Set(ids(sent.filter((one) => overlaps(one, sent)))),
    };
  });
}

function overlaps(one: Exchange, all: readonly Exchange[]): boolean {
  return all.some(
    (other) => other !== one && other.sentAt < one.answeredAt && one.sentAt < other.answeredAt,
  );
}

function resources(organization: string, agents: number, baseUrl: string): object[] {
  return [
    { kind: "Organization", name: organization },
    { kind: "Provider", organization, name: "bench", type: "openai-compatible", baseUrl },
    ...Array.from({ length: agents }, (_, number) => ({
      kind: "Agent",
      organization,
      name: `agent-${number}`,
      instructions: "Answer as the trace says.",
      model: "bench/paced",
    })),
  ];
}
