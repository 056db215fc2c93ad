import { readFileSync } from "node:fs";

/** Bytes that a process has in memory now, and the most it ever had; Linux only. */
export interface ProcessMemory {
  readonly rss: number;
  readonly peak: number;
}

export function processMemory(pid: number): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => {
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
    return Number(kilobytes ?? 0) * 1_024;
  };
  return { rss: field("VmRSS"), peak: field("VmHWM") };
}
