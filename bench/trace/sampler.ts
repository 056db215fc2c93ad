import { processMemory } from "../lib/process-memory.ts";
import { megabytes } from "../lib/report.ts";

/** The run at one moment. */
export interface Sample {
  readonly second: number;
  /** Of the node that has most. */
  readonly nodeMb: number;
  /** Of all engines together. */
  readonly engineMb: number;
  /** Requests sent and not answered. */
  readonly open: number;
}

export interface Sampled {
  readonly nodes: () => readonly number[];
  readonly engines: () => readonly number[];
  readonly open: () => number;
}

/** Looks at the processes once a second until it is stopped. */
export class Sampler {
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor({ nodes, engines, open }: Sampled) {
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      this.#samples.push({
        second: Math.round((performance.now() - startedAt) / 1_000),
        nodeMb: Math.max(0, ...nodes().map(residentMb)),
        engineMb: engines().reduce((sum, pid) => sum + residentMb(pid), 0),
        open: open(),
      });
    }, 1_000);
  }

  stop(): readonly Sample[] {
    clearInterval(this.#timer);
    return this.#samples;
  }
}

function residentMb(pid: number): number {
  try {
    return megabytes(processMemory(pid).rss);
  } catch {
    // It was killed.
    return 0;
  }
}

/** About `count` samples, evenly, the last one among them. */
export function thinned(samples: readonly Sample[], count: number): readonly Sample[] {
  const step = Math.max(1, Math.ceil(samples.length / count));
  return samples.filter((_, index) => (samples.length - 1 - index) % step === 0);
}
