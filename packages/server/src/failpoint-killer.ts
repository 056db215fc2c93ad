import { type FailpointName, failpoints, type ReachFailpoint } from "@holdfast/core";

/**
 * For fault tests: HOLDFAST_FAILPOINT="7" ends the process with SIGKILL at failpoint 7, "7:3" when it is
 * reached the third time.
 */
export function failpointKiller(setting: string | undefined): ReachFailpoint {
  const wanted = parseFailpoint(setting ?? "");
  if (!wanted) return () => undefined;
  let left = wanted.count;
  return (reached) => {
    if (reached !== wanted.name) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, "SIGKILL");
  };
}

/** Undefined for what names no failpoint. */
export function parseFailpoint(
  setting: string,
): { readonly name: FailpointName; readonly count: number } | undefined {
  const [, number, count = "1"] = /^(\d+)(?::([1-9]\d*))?$/.exec(setting) ?? [];
  const found = Object.entries(failpoints).find(([, known]) => known === Number(number));
  return found && { name: found[0] as FailpointName, count: Number(count) };
}
