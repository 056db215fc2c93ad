/**
 * kill -9 in the middle of everything: how soon the node is ready again, and whether every acknowledged
 * message is answered once and in order. Settings and figures: docs/benchmarks.md.
 */
import { isClean } from "../lib/history-check.ts";
import { Workshop } from "../lib/home.ts";
import { printReport, type Row } from "../lib/report.ts";
import { round } from "../lib/spread.ts";
import { readSettings, type RestartSettings } from "./settings.ts";
import { runVariant, startTimed, type VariantResult } from "./variant.ts";

const settings = readSettings(process.argv.slice(2));
const { emptyMs, variants } = await measure(settings);
report();

async function measure(
  settings: RestartSettings,
): Promise<{ emptyMs: number; variants: VariantResult[] }> {
  await using workshop = new Workshop();
  const empty = await startTimed(workshop, workshop.home());
  await empty.node.stop();
  const variants: VariantResult[] = [];
  for (const killed of ["node", "node and engine"] as const) {
    variants.push(await runVariant(workshop, settings, killed));
  }
  return { emptyMs: empty.readyMs, variants };
}

function report(): void {
  const rows: Row[] = [{ what: "baseline: ready on an empty folder", value: seconds(emptyMs) }];
  for (const variant of variants) {
    const { check, killed } = variant;
    rows.push(
      { what: `kill -9 of ${killed}`, value: `${variant.unansweredAtKill} unanswered` },
      { what: "  model calls under way", value: String(variant.modelCallsAtKill) },
      {
        what: "  without acknowledgement",
        value: `${variant.unsure}, ${variant.arrivedUnsure} had arrived`,
      },
      {
        what: "  ready again",
        value: seconds(variant.readyMs),
        wanted: "< 5 s",
        met: variant.readyMs < 5_000,
      },
      { what: "  all answered", value: seconds(variant.allAnsweredMs) },
      {
        what: "  lost, doubled, reordered, strange",
        value: [check.lost, check.doubled, check.reordered, check.strange].join(", "),
        wanted: "0, 0, 0, 0",
        met: isClean(check),
      },
    );
    if (!isClean(check)) console.log(`wrong conversations: ${check.examples.join(" ")}`);
  }
  const readyMs = Math.max(...variants.map((variant) => variant.readyMs));
  printReport(
    rows,
    {
      name: "restart",
      value: round(readyMs),
      unit: "ms to ready",
      baseline: round(emptyMs),
      ratio: round(readyMs / emptyMs),
      variants: variants.map(({ engineVersion: _, ...variant }) => ({
        ...variant,
        readyMs: round(variant.readyMs),
        allAnsweredMs: round(variant.allAnsweredMs),
      })),
      settings,
    },
    variants[0]?.engineVersion ?? "",
  );
  if (!variants.every(({ check }) => isClean(check))) process.exitCode = 1;
}

function seconds(ms: number): string {
  return `${round(ms / 1_000)} s`;
}
