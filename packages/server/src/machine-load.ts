import { availableParallelism, totalmem } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { MachineLoad } from "@holdfast/core";

const nanosecondsPerMs = 1e6;
const sampleMs = 20;

/**
 * Measures this process; each call tells what happened since the last one. Without a limit Node.js gives 0 or
 * 2^64 as the constrained memory: the machine's own is the limit then.
 */
export function createMachineLoad(): { sample(): MachineLoad; close(): void } {
  const delays = monitorEventLoopDelay({ resolution: sampleMs });
  delays.enable();
  let cpu = process.cpuUsage();
  let at = performance.now();
  return {
    sample() {
      const used = process.cpuUsage(cpu);
      const elapsedMs = Math.max(1, performance.now() - at);
      const p99 = delays.percentile(99) / nanosecondsPerMs;
      cpu = process.cpuUsage();
      at = performance.now();
      delays.reset();
      return {
        cpu: (used.user + used.system) / 1_000 / elapsedMs,
        cores: availableParallelism(),
        memoryBytes: process.memoryUsage.rss(),
        memoryLimitBytes: Math.min(process.constrainedMemory() || Infinity, totalmem()),
        loopDelayMs: Number.isFinite(p99) ? Math.max(0, p99 - sampleMs) : 0,
      };
    },
    close: () => delays.disable(),
  };
}
