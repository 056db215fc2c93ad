import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Linux counts processor time in hundredths of a second for user space. */
const tickMs = 10;

/** Processor time that the whole machine worked so far, in milliseconds; 0 where /proc does not tell. */
export function machineWorkMs(): number {
  try {
    const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n", 1);
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
      .split(/\s+/)
      .slice(1)
      .map(Number);
    return (user + nice + system + irq + softirq + steal) * tickMs;
  } catch {
    return 0;
  }
}

/** As a share of all cores. */
export function shareOfMachine(workMs: number, spanMs: number): number {
  return workMs / spanMs / availableParallelism();
}
