/**
 * Replays an arrival trace of LLM requests against a node and a model that takes its time: what the
 * platform adds, and whether everything is answered once and in order. Figures: docs/benchmarks.md.
 */
import { conversationPath } from "../lib/api-client.ts";
import { checkHistories, type Expected } from "../lib/history-check.ts";
import { Workshop } from "../lib/home.ts";
import { startBenchModel } from "../lib/model-process.ts";
import { startBenchNode, untilAnswered } from "../lib/node-process.ts";
import { processMemory } from "../lib/process-memory.ts";
import { baseline } from "./baseline.ts";
import { type Exchange, Replay } from "./replay.ts";
import { reportTrace, type TraceResult } from "./report.ts";
import { Sampler } from "./sampler.ts";
import { readSettings, type TraceSettings } from "./settings.ts";
import { sharesOf } from "./shares.ts";
import { type Arrival, readTrace } from "./trace-file.ts";

const organization = "trace";
const settings = readSettings(process.argv.slice(2));
const limitMs =
  settings.minutes === undefined ? Number.POSITIVE_INFINITY : settings.minutes * 60_000;
const arrivals = readTrace(settings.file).filter(({ atMs }) => atMs < limitMs);
reportTrace(settings, await measure(settings, arrivals));

async function measure(
  settings: TraceSettings,
  arrivals: readonly Arrival[],
): Promise<TraceResult> {
  await using workshop = new Workshop();
  const { conversations, speed, tokensPerSecond } = settings;
  const model = workshop.use(await startBenchModel({ tokensPerSecond }));
  const bare = await baseline(model, settings, arrivals);
  const node = workshop.use(await startBenchNode(workshop.home()));
  const engine = node.engine.map(({ pid }) => pid);
  workshop.watch(engine);
  await node.api.apply(resources(settings, model.url));

  const replay = new Replay({ arrivals, speed, conversations }, async (number, id, text) => {
    const { status, text: body } = await node.api.call("POST", `${pathOf(number)}/messages`, {
      body: { text },
      headers: { prefer: "wait=600", "idempotency-key": id },
    });
    if (status !== 200) {
      const { code = "" } = (JSON.parse(body) as { error: { code?: string } }).error;
      return { problem: `status ${status} ${code}`, isDurable: durableFailures.test(code) };
    }
    const { reply } = JSON.parse(body) as { reply: string };
    const isRight = reply.startsWith(`re:${id}`);
    return {
      problem: isRight ? undefined : `another answer: ${reply.slice(0, 40)}`,
      isDurable: true,
    };
  });
  const sampler = new Sampler(node.pid, engine, () => replay.open);
  const startedAt = performance.now();
  const exchanges = await replay.run();
  const seconds = (performance.now() - startedAt) / 1_000;
  const samples = sampler.stop();
  const shares = sharesOf(exchanges, await model.takeCalls());

  // A message whose turn failed for now is still owed an answer.
  const backlogSeconds = await untilAnswered(node);
  const check = await checkHistories(node.api, expectedOf(exchanges));
  const memory = await node.memory();
  const modelPeak = processMemory(model.pid).peak;
  await node.stop();
  await model.stop();
  const { engineVersion } = node;
  return {
    seconds,
    backlogSeconds,
    requests: arrivals.length,
    bare,
    shares,
    check,
    samples,
    memory,
    modelPeak,
    engineVersion,
  };
}

/** Codes of turns that failed while their message stays durable. */
const durableFailures = /^(model_|wait_timeout$)/;

function expectedOf(exchanges: readonly Exchange[]): Expected[] {
  const of = Map.groupBy(exchanges, ({ conversation }) => conversation);
  return [...of].map(([conversation, own]) => {
    const sent = own.toSorted((a, b) => a.sentAt - b.sentAt);
    const ids = (some: readonly Exchange[]) => some.map(({ id }) => id);
    return {
      path: pathOf(conversation),
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

function pathOf(conversation: number): string {
  return conversationPath(
    organization,
    `agent-${conversation % settings.agents}`,
    `c${conversation}`,
  );
}

function resources({ agents }: TraceSettings, baseUrl: string): object[] {
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
