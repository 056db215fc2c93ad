import { Latencies } from "./latencies.ts";
import type { LoadPlan, LoadResult } from "./load.ts";

/** One turn to be made: `lane` counts what is in flight, from 0. */
export interface PlannedTurn {
  readonly lane: number;
  readonly conversation: number;
  readonly key: string;
  readonly text: string;
}

/** Kinds of failures that a result names. */
const namedFailures = 5;

/**
 * Keeps `inFlight` turns under way, each lane the next one as soon as its last is answered. A conversation
 * belongs to one lane, so it has at most one turn in flight. `make` resolves to what was wrong, if anything.
 * Turns that end in the warm-up are not counted.
 */
export async function closedLoop(
  plan: LoadPlan,
  make: (turn: PlannedTurn) => Promise<string | undefined>,
): Promise<LoadResult> {
  const latencies = new Latencies();
  const failures = new Map<string, number>();
  let failed = 0;
  let answered = 0;
  const begin = performance.now() + plan.warmupMs;
  const end = begin + plan.runMs;
  const cpuBefore = process.cpuUsage();
  const run = `${process.pid}.${Math.round(performance.timeOrigin + begin)}`;

  const fail = (problem: string) => {
    failed += 1;
    const isNamed = failures.has(problem) || failures.size < namedFailures;
    if (isNamed) failures.set(problem, (failures.get(problem) ?? 0) + 1);
  };
  const lane = async (number: number): Promise<void> => {
    let conversation = number % plan.conversations;
    for (let count = 0; ; count += 1) {
      const started = performance.now();
      if (started >= end) return;
      const key = `${run}.${number}.${count}`;
      const text = textOf(key, plan.textBytes);
      let problem: string | undefined;
      try {
        problem = await make({ lane: number, conversation, key, text });
      } catch (thrown) {
        fail(String(thrown));
        return;
      }
      const now = performance.now();
      if (problem === undefined) {
        answered += 1;
        if (now >= begin && now < end) latencies.add(now - started);
      } else fail(problem);
      conversation += plan.inFlight;
      if (conversation >= plan.conversations) conversation = number % plan.conversations;
    }
  };
  await Promise.all(Array.from({ length: plan.inFlight }, (_, number) => lane(number)));
  const cpu = process.cpuUsage(cpuBefore);
  return {
    turns: latencies.count,
    allTurns: answered,
    turnsPerSecond: latencies.count / (plan.runMs / 1_000),
    ...latencies.summary(),
    errors: failed,
    failures: [...failures].map(([problem, count]) => `${count} x ${problem}`),
    cpuShare: (cpu.user + cpu.system) / 1_000 / (plan.warmupMs + plan.runMs),
  };
}

const filler = "The quick brown fox jumps over the lazy dog. ".repeat(200);

/** A text of exactly `bytes` bytes that no other turn has. */
function textOf(key: string, bytes: number): string {
  return `${key} ${filler}`.slice(0, bytes);
}
