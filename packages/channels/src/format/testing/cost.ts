const tries = 5;

/** Processor time that a call takes, in microseconds: the middle of some tries, so that a pause counts little. */
export function cost(run: () => unknown): number {
  const times = Array.from({ length: tries }, () => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return user + system;
  });
  return times.sort((one, other) => one - other)[(tries - 1) / 2] ?? 0;
}
