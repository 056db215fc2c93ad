import { existsSync, readFileSync } from "node:fs";

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** One line for each thing that failed. */
  readonly failures: readonly string[];
}

/** The part of vitest's JSON report that is counted. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
    }[];
  }[];
}

/**
 * Counts a run of vitest. A skipped test counts as failed: it looks green and checks nothing. So does
 * a file that could not be loaded, and a run that failed outside of any test.
 */
export function tallyVitest(reportFile: string, exitCode: number, folder: string): Tally {
  if (!existsSync(reportFile)) return failedOnce("the run ended without a report");
  const report = JSON.parse(readFileSync(reportFile, "utf8")) as Report;
  let passed = 0;
  const failures: string[] = [];
  for (const file of report.testResults) {
    const name = file.name.replace(`${folder}/`, "");
    const bad = file.assertionResults.filter((result) => result.status !== "passed");
    passed += file.assertionResults.length - bad.length;
    for (const test of bad)
      failures.push(
        `${name}: ${test.fullName}${test.status === "failed" ? "" : ` (${test.status})`}`,
      );
    if (bad.length === 0 && file.status !== "passed")
      failures.push(`${name}: ${file.message.split("\n")[0]}`);
  }
  if (exitCode !== 0 && failures.length === 0) failures.push(`vitest ended with code ${exitCode}`);
  return { passed, failed: failures.length, failures };
}

export function failedOnce(reason: string): Tally {
  return { passed: 0, failed: 1, failures: [reason] };
}
