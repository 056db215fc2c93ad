import type { Row, RowResult } from "../rows/row.ts";
import { countKinds } from "../validate/violations.ts";

export interface RowReport extends RowResult {
  readonly row: Pick<Row, "number" | "name" | "target">;
  readonly seed: number;
  readonly seconds: number;
  /** How to run exactly this again. */
  readonly command: string;
  /** Not run, and why. */
  readonly skipped?: string;
}

export function isPassed({ misses, violations, skipped }: RowReport): boolean {
  return skipped === undefined && misses.length === 0 && violations.length === 0;
}

const shownViolations = 8;

/** What a person reads when the row is over. */
export function rowText(report: RowReport): string {
  const { row, seed, seconds, figures, misses, violations, command, skipped } = report;
  if (skipped !== undefined) return `SKIP ${row.number} ${row.name}: ${skipped}`;
  const lines = [
    `${isPassed(report) ? "ok  " : "FAIL"} ${row.number} ${row.name} (seed ${seed}, ${seconds} s)`,
    `     target: ${row.target}`,
    `     ${Object.entries(figures)
      .map(([name, value]) => `${name} ${value}`)
      .join(" | ")}`,
    ...misses.map((miss) => `     missed: ${miss}`),
  ];
  if (violations.length > 0) {
    lines.push(`     violations: ${JSON.stringify(countKinds(violations))}`);
    for (const { kind, detail } of violations.slice(0, shownViolations)) {
      lines.push(`       ${kind}: ${detail}`);
    }
  }
  if (!isPassed(report)) lines.push(`     again: ${command}`);
  return lines.join("\n");
}

/** The table of README.md. */
export function markdownTable(reports: readonly RowReport[]): string {
  const head = ["| # | fault | seed | result | figures |", "| --- | --- | --- | --- | --- |"];
  const lines = reports.map((report) => {
    const { row, seed, figures, skipped } = report;
    const shown = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
    const result = skipped === undefined ? (isPassed(report) ? "pass" : "FAIL") : "not run";
    return `| ${row.number} | ${row.name} | ${seed} | ${result} | ${skipped ?? shown.join("; ")} |`;
  });
  return [...head, ...lines].join("\n");
}
