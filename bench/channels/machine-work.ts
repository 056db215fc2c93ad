import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { pause } from "../lib/cluster-views.ts";
import { cpuMs } from "../lib/process-cpu.ts";
import { monotonicMs } from "./monotonic.ts";

/** Linux counts processor time in hundredths of a second for user space. */
const tickMs = 10;
const lookMs = 500;
const quietShare = 0.1;

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

/** Resolves when others than these processes take hardly anything of the machine, or after `patienceMs`. */
export async function untilQuiet(own: readonly number[], patienceMs: number): Promise<void> {
  const until = monotonicMs() + patienceMs;
  while (monotonicMs() < until) {
    const before = { at: monotonicMs(), own: cpuMs(own), machine: machineWorkMs() };
    await pause(lookMs);
    const otherMs = machineWorkMs() - before.machine - (cpuMs(own) - before.own);
    if (shareOfMachine(otherMs, monotonicMs() - before.at) < quietShare) return;
  }
}
