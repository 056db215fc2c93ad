import { compare } from "../lib/history-check.ts";
import { eachOf } from "../lib/pool.ts";
import type { KillScope, RunningContender } from "./contender.ts";
import { askPatiently, peerText, sendOnce } from "./peer-request.ts";
import { type Probe, probe } from "./prober.ts";
import { pause, untilDone, untilQuiet } from "./recovery.ts";
import type { Effect, Stub } from "./stub.ts";

/** Slow enough, and spread enough, that half of what was accepted is unanswered when the kill comes. */
const modelDelayMs = 100;
const answerTimeoutMs = 180_000;
const killAfterMs = 10_000;
const probes = 16;

export interface KillPlan {
  /** Conversations that the load did not use. */
  readonly firstConversation: number;
  readonly conversations: number;
  /** Messages accepted in each. */
  readonly perConversation: number;
  readonly scope: KillScope;
  readonly recoveryMs: number;
  readonly filler: string;
}

export interface KillResult {
  readonly accepted: number;
  /** Of these, answered by the model when the kill came. */
  readonly answeredBefore: number;
  /** From the kill to a reply: in the first conversation that had one, and in the last of those that tried. */
  readonly firstReplyMs: number | undefined;
  readonly lastReplyMs: number | undefined;
  /** From the kill until all that was accepted was done; undefined when that never came. */
  readonly allDoneMs: number | undefined;
  /** Accepted messages without any effect, and messages whose effect came more than once. */
  readonly lost: number;
  readonly ranTwice: number;
  /** In the histories, where they can be read. */
  readonly historyLost: number | undefined;
  readonly historyDoubled: number | undefined;
  readonly historyReordered: number | undefined;
  readonly problems: readonly string[];
}

/** Has messages accepted, kills in the middle of answering them, and counts what became of each. */
export async function killRun(
  running: RunningContender,
  stub: Stub,
  plan: KillPlan,
): Promise<KillResult> {
  const { firstConversation, conversations, filler } = plan;
  const own = Array.from({ length: conversations }, (_, index) => firstConversation + index);
  const ids = new Map<number, string[]>(own.map((conversation) => [conversation, []]));
  const send = async (conversation: number, wait: boolean): Promise<void> => {
    const sent = ids.get(conversation) ?? [];
    const id = `k.${conversation}.${sent.length}`;
    const message = { conversation, id, text: peerText(id, filler) };
    const request = { ...message, lane: conversation };
    if (wait) await askPatiently(running.target(), request, answerTimeoutMs);
    else if (running.submit) await running.submit(message);
    else await sendOnce(running.target(), { ...request, wait: false }, answerTimeoutMs);
    sent.push(id);
  };
  await stub.watch();
  // One answered message each first: the kill meets conversations that are at work.
  await eachOf(conversations, 4, (index) => send(own[index] ?? 0, true));
  await stub.setDelay(modelDelayMs);
  await Promise.all(
    own.map(async (conversation) => {
      for (let count = 0; count < plan.perConversation; count += 1) await send(conversation, false);
    }),
  );
  const accepted = [...ids.values()].flat();
  const half = conversations + Math.floor((accepted.length - conversations) / 2);
  const giveUp = performance.now() + killAfterMs;
  while ((await stub.answered()) < half && performance.now() < giveUp) await pause(2);

  const answeredBefore = await stub.answered();
  const killedAt = performance.now();
  await running.kill(plan.scope, firstConversation);
  await stub.setDelay(0);
  const restarted = running.restart?.();
  // A failed restart shows in the probes, and is told below.
  restarted?.catch(() => undefined);
  const deadline = killedAt + plan.recoveryMs;
  const options = { target: () => running.target(), filler, killedAt, deadline };
  const probing = Promise.all(
    own.slice(0, probes).map((conversation) => probe(conversation, `k.${conversation}.p`, options)),
  );
  const allDoneMs = await untilDone(running, stub, accepted, { killedAt, deadline, probing });
  const probed = await probing;
  await restarted;
  // Where it cannot be known what waits: what is done again counts too, so it gets its time.
  if (!running.isIdle) await untilQuiet(stub, deadline);
  const effects = await stub.effects();
  const histories = await readHistories(running, own, ids, probed);
  const replies = probed.flatMap(({ replyMs }) => (replyMs === undefined ? [] : [replyMs]));
  const isAll = replies.length === probed.length;
  return {
    accepted: accepted.length,
    answeredBefore,
    firstReplyMs: replies.length > 0 ? Math.min(...replies) : undefined,
    lastReplyMs: isAll ? Math.max(...replies) : undefined,
    allDoneMs,
    ...countEffects(accepted, effects),
    ...histories,
    problems: probed.flatMap(({ replyMs, problem }) =>
      replyMs === undefined && problem !== undefined ? [problem] : [],
    ),
  };
}

function countEffects(accepted: readonly string[], effects: readonly Effect[]) {
  const counts = new Map(effects.map(({ id, count }) => [id, count]));
  return {
    lost: accepted.filter((id) => !counts.has(id)).length,
    ranTwice: effects.filter(({ count }) => count > 1).length,
  };
}

async function readHistories(
  running: RunningContender,
  conversations: readonly number[],
  ids: ReadonlyMap<number, readonly string[]>,
  probed: readonly Probe[],
): Promise<Pick<KillResult, "historyLost" | "historyDoubled" | "historyReordered">> {
  if (!running.history) {
    return { historyLost: undefined, historyDoubled: undefined, historyReordered: undefined };
  }
  const total = { historyLost: 0, historyDoubled: 0, historyReordered: 0 };
  await eachOf(conversations.length, 8, async (index) => {
    const conversation = conversations[index] ?? 0;
    const own = probed.find((each) => each.conversation === conversation);
    const sent = [...(ids.get(conversation) ?? []), ...(own ? [own.id] : [])];
    // A probe without a reply may or may not have arrived.
    const unsure = new Set(own && own.replyMs === undefined ? [own.id] : []);
    const found = ((await running.history?.(conversation)) ?? []).map(markOf);
    const faults = compare(sent, found, unsure);
    total.historyLost += faults.lost;
    total.historyDoubled += faults.doubled;
    total.historyReordered += faults.reordered;
  });
  return total;
}

/** `ID` of a question, `re:ID` of its answer. */
function markOf(text: string): string {
  return /^#(\S+) /.exec(text)?.[1] ?? /^(re:\S+)/.exec(text)?.[1] ?? "?";
}
