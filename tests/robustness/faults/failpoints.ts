import type { LaunchedNode } from "../cluster/cluster-node.ts";

/** Lets a node that comes up next end itself at a failpoint when it is reached so many times. */
export function atFailpoint(number: number, count: number): Record<string, string> {
  return { HOLDFAST_FAILPOINT: `${number}:${count}` };
}

/** Whether it ended by itself within the time. */
export async function endsWithin(node: LaunchedNode, timeoutMs: number): Promise<boolean> {
  const timeout = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => timeout.resolve(false), timeoutMs);
  const hasEnded = await Promise.race([node.ended.then(() => true), timeout.promise]);
  clearTimeout(timer);
  return hasEnded;
}
