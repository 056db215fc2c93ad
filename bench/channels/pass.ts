import { pause } from "../lib/cluster-views.ts";
import { cpuMs } from "../lib/process-cpu.ts";
import { type Spread, spreadOf } from "../lib/spread.ts";
import type { Generator, Sent, SendPlan } from "./generator.ts";
import { machineWorkMs, shareOfMachine } from "./machine-work.ts";
import { monotonicMs } from "./monotonic.ts";
import type { Arrivals, PlatformStub } from "./stub.ts";

/** Without a reply for so long there will be none: what was promised is repeated sooner. */
const drainQuietMs = 15_000;
const drainPollMs = 50;

/** Processes by what they do, for their processor time. */
export type Groups = Readonly<Record<string, readonly number[]>>;

export interface PassContext {
  readonly generator: Generator;
  readonly stub: PlatformStub;
  readonly groups: Groups;
}

export interface PassResult {
  readonly rate: number;
  readonly webhooks: number;
  readonly problems: readonly string[];
  /** From the planned time to the last byte of the 200, so that a late generator counts. */
  readonly ackMs: Spread;
  /** From the webhook's first byte to the reply's request at the platform. */
  readonly replyMs: Spread;
  /** From the 200 to the same. */
  readonly afterAckMs: Spread;
  /** How late the generator was. */
  readonly lateMs: Spread;
  /** Acknowledged messages without a reply, and replies beyond the first. */
  readonly missing: number;
  readonly doubled: number;
  /** Unanswered when the last webhook was acknowledged, and how long they took. */
  readonly backlog: number;
  readonly drainSeconds: number;
  /** Processor time for one webhook and its reply, in microseconds, by group of processes. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  /** Of all cores while webhooks came: what the bench and its cluster took, and everything else on the machine. */
  readonly ownShare: number;
  readonly otherShare: number;
}

/** Sends webhooks at fixed times, waits for all replies, and takes both sides' records together. */
export async function runPass(
  { generator, stub, groups }: PassContext,
  plan: SendPlan,
): Promise<PassResult> {
  await stub.take();
  const names = Object.keys(groups);
  const cpuBefore = names.map((name) => cpuMs(groups[name] ?? []));
  const all = Object.values(groups).flat();
  const before = { at: monotonicMs(), own: cpuMs(all), machine: machineWorkMs() };
  const sent = await generator.send(plan);
  const spanMs = monotonicMs() - before.at;
  const ownMs = cpuMs(all) - before.own;
  const otherMs = Math.max(0, machineWorkMs() - before.machine - ownMs);
  const acknowledged = sent.ackedAt.filter((at) => !Number.isNaN(at)).length;
  const backlog = acknowledged - (await stub.count());
  const drainSeconds = await drain(stub, acknowledged);
  const webhooks = sent.plannedAt.length;
  const cpuMicros = names.map((name, index) => {
    const tookMs = cpuMs(groups[name] ?? []) - (cpuBefore[index] ?? 0);
    return [name, Math.round((tookMs * 1_000) / webhooks)] as const;
  });
  return {
    rate: plan.rate,
    webhooks,
    problems: sent.problems,
    ...timesOf(sent, await stub.take(), plan.first),
    backlog: Math.max(0, backlog),
    drainSeconds: Math.round(drainSeconds * 10) / 10,
    cpuMicros: Object.fromEntries(cpuMicros),
    ownShare: shareOfMachine(ownMs, spanMs),
    otherShare: shareOfMachine(otherMs, spanMs),
  };
}

/** Waits for replies; resolves to the seconds until the last of them. */
async function drain(stub: PlatformStub, wanted: number): Promise<number> {
  const from = monotonicMs();
  let seen = await stub.count();
  let seenAt = from;
  while (seen < wanted && monotonicMs() < seenAt + drainQuietMs) {
    await pause(drainPollMs);
    const count = await stub.count();
    if (count > seen) seenAt = monotonicMs();
    seen = count;
  }
  return (seenAt - from) / 1_000;
}

function timesOf({ plannedAt, sentAt, ackedAt }: Sent, arrivals: Arrivals, first: number) {
  const repliedAt = new Float64Array(plannedAt.length).fill(Number.NaN);
  let doubled = 0;
  arrivals.messages.forEach((message, index) => {
    const place = message - first;
    // A reply to an earlier pass's message comes too late for that one and is counted there.
    if (place < 0 || place >= repliedAt.length) return;
    if (Number.isNaN(repliedAt[place])) repliedAt[place] = arrivals.times[index] ?? Number.NaN;
    else doubled += 1;
  });
  const between = (from: Float64Array, to: Float64Array) => {
    const spans = to.map((at, index) => at - (from[index] ?? 0));
    return spreadOf(Array.from(spans.filter((ms) => !Number.isNaN(ms))));
  };
  const isMissing = (at: number, index: number) =>
    !Number.isNaN(at) && Number.isNaN(repliedAt[index]);
  return {
    ackMs: between(plannedAt, ackedAt),
    replyMs: between(sentAt, repliedAt),
    afterAckMs: between(ackedAt, repliedAt),
    lateMs: between(plannedAt, sentAt),
    missing: ackedAt.filter(isMissing).length,
    doubled,
  };
}
