import type { RunningContender } from "./contender.ts";
import type { Effect, Stub } from "./stub.ts";

/** As long as this without an effect, when nothing is known to wait, means that nothing comes any more. */
const quietMs = 15_000;

export interface Recovery {
  readonly killedAt: number;
  readonly deadline: number;
  readonly probing: Promise<unknown>;
}

/** Milliseconds from the kill until every message had its effect and nothing waits any more. */
export async function untilDone(
  running: RunningContender,
  stub: Stub,
  accepted: readonly string[],
  { killedAt, deadline, probing }: Recovery,
): Promise<number | undefined> {
  // Only who answers again can tell what waits.
  let isBack = false;
  void probing.then(() => {
    isBack = true;
  });
  let total = 0;
  for (let quietSince = performance.now(); performance.now() < deadline; await pause(50)) {
    const effects = await stub.effects();
    const found = new Set(effects.map(({ id }) => id));
    const mayWait = !isBack || !(await isIdle(running));
    const now = performance.now();
    if (!(running.isIdle && mayWait) && accepted.every((id) => found.has(id)))
      return now - killedAt;
    const newTotal = countOf(effects);
    if (mayWait || newTotal !== total) quietSince = now;
    if (now - quietSince > quietMs) return undefined;
    total = newTotal;
  }
  return undefined;
}

/** True also where it cannot be known. */
async function isIdle(running: RunningContender): Promise<boolean> {
  if (!running.isIdle) return true;
  return running.isIdle().catch(() => false);
}

/** Until nothing has an effect any more. */
export async function untilQuiet(stub: Stub, deadline: number): Promise<void> {
  let total = -1;
  for (let quietSince = performance.now(); performance.now() - quietSince < quietMs; ) {
    if (performance.now() > deadline) return;
    const now = countOf(await stub.effects());
    if (now !== total) quietSince = performance.now();
    total = now;
    await pause(200);
  }
}

function countOf(effects: readonly Effect[]): number {
  return effects.reduce((sum, { count }) => sum + count, 0);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
