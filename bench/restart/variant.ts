import { type CheckResult, checkHistories } from "../lib/history-check.ts";
import type { Workshop } from "../lib/home.ts";
import { startBenchModel } from "../lib/model-process.ts";
import { type BenchNode, startBenchNode, untilAnswered } from "../lib/node-process.ts";
import { declareAgents, Sender } from "./sender.ts";
import type { RestartSettings } from "./settings.ts";

export interface VariantResult {
  readonly killed: "node" | "node and engine";
  readonly unansweredAtKill: number;
  /** Held at the provider when the node died. */
  readonly modelCallsAtKill: number;
  /** Without acknowledgement at the kill, and of these those that had become durable. */
  readonly unsure: number;
  readonly arrivedUnsure: number;
  readonly engineVersion: string;
  readonly readyMs: number;
  /** From the start of the new process until nothing was unanswered. */
  readonly allAnsweredMs: number;
  /** Messages whose turn asked the model again after the kill. */
  readonly check: CheckResult;
}

/** Fills, kills in the middle of everything, starts again, checks. */
export async function runVariant(
  workshop: Workshop,
  settings: RestartSettings,
  killed: VariantResult["killed"],
): Promise<VariantResult> {
  const home = workshop.home();
  const model = workshop.use(await startBenchModel());
  const node = workshop.use(await startBenchNode(home));
  workshop.watch(node.engine.map(({ pid }) => pid));
  await declareAgents(node.api, settings.agents, model.url);
  const sender = new Sender(settings);
  await sender.fill(node.api);
  await model.hold();
  await sender.load(node.api);
  const unansweredBefore = await node.api.metric("holdfast_messages_pending");
  const answered = sender.acknowledged - unansweredBefore;
  const modelCallsAtKill = await model.waiting();
  const unsure = await sender.sendUntilItDies(node.api, () =>
    node.kill(killed === "node and engine"),
  );
  const unansweredAtKill = sender.acknowledged - answered;
  await model.release();

  const { node: again, readyMs, startedAt } = await startTimed(workshop, home);
  const arrivedUnsure = await sender.resend(again.api);
  await untilAnswered(again);
  const allAnsweredMs = performance.now() - startedAt;
  const check = await checkHistories(again.api, sender.expected());
  await again.stop();
  await model.stop();
  const { engineVersion } = again;
  return {
    killed,
    unansweredAtKill,
    modelCallsAtKill,
    unsure,
    arrivedUnsure,
    engineVersion,
    readyMs,
    allAnsweredMs,
    check,
  };
}

/** Milliseconds from the start of the process until `/readyz` answers 200. */
export async function startTimed(
  workshop: Workshop,
  home: string,
): Promise<{ node: BenchNode; readyMs: number; startedAt: number }> {
  const startedAt = performance.now();
  const node = workshop.use(await startBenchNode(home));
  workshop.watch(node.engine.map(({ pid }) => pid));
  for (;;) {
    const { status } = await node.api.call("GET", "/readyz");
    if (status === 200) return { node, readyMs: performance.now() - startedAt, startedAt };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
