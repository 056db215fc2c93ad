import { processMemory } from "../lib/process-memory.ts";
import { megabytes } from "../lib/report.ts";

/** The run at one moment. */
export interface Sample {
  readonly second: number;
  readonly nodeMb: number;
  readonly engineMb: number;
  /** Requests sent and not answered. */
  readonly open: number;
}

/** Looks at the processes once a second until it is stopped. */
export class Sampler {
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(node: number, engine: readonly number[], open: () => number) {
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      this.#samples.push({
        second: Math.round((performance.now() - startedAt) / 1_000),
        nodeMb: megabytes(processMemory(node).rss),
        engineMb: engine.reduce((sum, pid) => sum + megabytes(processMemory(pid).rss), 0),
        open: open(),
      });
    }, 1_000);
  }

  stop(): readonly Sample[] {
    clearInterval(this.#timer);
    return this.#samples;
  }
}

/** About `count` samples, evenly, the last one among them. */
export function thinned(samples: readonly Sample[], count: number): readonly Sample[] {
  const step = Math.max(1, Math.ceil(samples.length / count));
  return samples.filter((_, index) => (samples.length - 1 - index) % step === 0);
}
