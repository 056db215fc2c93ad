import { parseArgs } from "node:util";
import { packageCache } from "../lib/packages.ts";
import type { KillScope, Workload } from "./contender.ts";

export interface PeersSettings {
  readonly quick: boolean;
  readonly only: readonly string[] | undefined;
  readonly passes: number;
  readonly warmupMs: number;
  readonly runMs: Readonly<Record<Workload, number>>;
  /** Conversations, with one message in flight each. */
  readonly levels: Readonly<Record<Workload, readonly number[]>>;
  readonly kill: KillScope;
  /** How long a killed contender gets to answer everything that it accepted. */
  readonly recoveryMs: number;
  readonly cache: string;
}

export const usage = `npm run bench:peers -- [options]
  --quick              one short run of Holdfast on one node, nothing is fetched
  --only A,B           of stub, restate, bullmq-always, bullmq-everysec, holdfast, holdfast-3, openclaw,
                       holdfast:prompt, holdfast-3:prompt
  --passes N           how often each contender has its turn (3)
  --seconds N          length of a run (5)
  --prompt-seconds N   the same with OpenClaw's prompt (20: at 16 OpenClaw may need ten for one turn)
  --levels 1,64        conversations with a message in flight, bare handler
  --prompt-levels 1,16 the same with OpenClaw's prompt
  --kill serving|all   only the process that answers, or its store's or engine's too (serving)
  --recovery SECONDS   how long to wait for what was accepted before the kill (120)
  --cache DIR          where fetched packages stay (${packageCache})`;

/** Undefined when only help is wanted. */
export function readSettings(args: readonly string[]): PeersSettings | undefined {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      passes: { type: "string" },
      seconds: { type: "string" },
      "prompt-seconds": { type: "string", default: "20" },
      levels: { type: "string" },
      "prompt-levels": { type: "string" },
      kill: { type: "string", default: "serving" },
      recovery: { type: "string", default: "120" },
      cache: { type: "string", default: packageCache },
      help: { type: "boolean", default: false },
    },
  });
  if (flags.help) return undefined;
  const { quick, kill } = flags;
  if (kill !== "serving" && kill !== "all") throw new Error(`--kill ${kill}: serving or all`);
  const levels = (text: string) => text.split(",").map((each) => positive("--levels", each));
  return {
    quick,
    only: flags.only?.split(",") ?? (quick ? ["stub", "holdfast"] : undefined),
    passes: positive("--passes", flags.passes ?? (quick ? "1" : "3")),
    warmupMs: quick ? 200 : 1_000,
    runMs: {
      handler: positive("--seconds", flags.seconds ?? (quick ? "0.5" : "5")) * 1_000,
      prompt: positive("--prompt-seconds", flags["prompt-seconds"]) * 1_000,
    },
    levels: {
      handler: levels(flags.levels ?? (quick ? "1,16" : "1,64")),
      prompt: levels(flags["prompt-levels"] ?? "1,16"),
    },
    kill,
    recoveryMs: positive("--recovery", flags.recovery) * 1_000,
    cache: flags.cache,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`${name} ${text}: expected a number above 0`);
}
