import { failpoints, HoldfastError, type ReachFailpoint } from "@holdfast/core";

/**
 * For fault tests: HOLDFAST_FAILPOINT="7" ends the process with SIGKILL at failpoint 7, "7:3" when it is
 * reached the third time. Errors: `invalid_configuration`.
 */
export function failpointKiller(setting: string | undefined): ReachFailpoint {
  if (!setting) return () => undefined;
  const [number, count] = setting.split(":").map(Number);
  const name = Object.entries(failpoints).find(([, known]) => known === number)?.[0];
  if (!name || (count !== undefined && !(count >= 1))) {
    throw new HoldfastError(
      "invalid_configuration",
      `HOLDFAST_FAILPOINT is "${setting}"; expected a number from 1 to ${Object.keys(failpoints).length}, or number:count.`,
    );
  }
  let left = count ?? 1;
  return (reached) => {
    if (reached !== name) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, "SIGKILL");
  };
}
