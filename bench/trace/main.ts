/**
 * Replays an arrival trace of LLM requests against a node and a model that takes its time: what the
 * platform adds, and whether everything is answered once and in order. Figures: docs/benchmarks.md.
 */
import { conversationPath } from "../lib/api-client.ts";
import { checkHistories, type Expected } from "../lib/history-check.ts";
import { Workshop } from "../lib/home.ts";
import { startBenchModel } from "../lib/model-process.ts";
import { startBenchNode } from "../lib/node-process.ts";
import { processMemory } from "../lib/process-memory.ts";
import { baseline } from "./baseline.ts";
import { Replay } from "./replay.ts";
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
    if (status !== 200) return `status ${status}: ${body.slice(0, 200)}`;
    const { reply } = JSON.parse(body) as { reply: string };
    return reply.startsWith(`re:${id}`) ? undefined : `another answer: ${reply.slice(0, 40)}`;
  });
  const sampler = new Sampler(node.pid, engine, () => replay.open);
  const startedAt = performance.now();
  const exchanges = await replay.run();
  const seconds = (performance.now() - startedAt) / 1_000;
  const samples = sampler.stop();
  const shares = sharesOf(exchanges, await model.takeCalls());

  const expected: Expected[] = Array.from({ length: conversations }, (_, number) => ({
    path: pathOf(number),
    ids: [] as string[],
  }));
  for (const position of arrivals.keys()) {
    const ids = expected[replay.conversationOf(position)]?.ids as string[];
    ids.push(replay.idOf(position));
  }
  const check = await checkHistories(node.api, expected);
  const memory = await node.memory();
  const modelPeak = processMemory(model.pid).peak;
  await node.stop();
  await model.stop();
  const { engineVersion } = node;
  return {
    seconds,
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
