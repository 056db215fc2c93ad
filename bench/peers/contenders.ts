import { bullmq } from "./bullmq.ts";
import type { Contender } from "./contender.ts";
import { holdfast } from "./holdfast.ts";
import { holdfastCluster } from "./holdfast-cluster.ts";
import { openclaw } from "./openclaw.ts";
import { restate } from "./restate.ts";
import { stubAlone } from "./stub-contender.ts";

/** In the order of their turns: OpenClaw's prompt is measured before Holdfast has to match it. */
export const contenders: readonly Contender[] = [
  stubAlone,
  restate,
  bullmq("always"),
  bullmq("everysec"),
  holdfast("handler"),
  holdfastCluster("handler"),
  openclaw,
  holdfast("prompt"),
  holdfastCluster("prompt"),
];

/** `NAME`, or `NAME:prompt` where a system has both workloads. */
export function labelOf({ name, workload }: Contender): string {
  return workload === "prompt" && name !== "openclaw" ? `${name}:prompt` : name;
}
