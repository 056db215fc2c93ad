import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tallyVitest } from "./vitest-report.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-report-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function tally(testResults: unknown[], exitCode: number) {
  const file = join(folder, "report.json");
  writeFileSync(file, JSON.stringify({ testResults }));
  return tallyVitest(file, exitCode, "/repository");
}

const name = "/repository/packages/core/src/x.test.ts";
const result = (fullName: string, status: string) => ({ fullName, status });

test("tests are counted, and those that failed are named with their file", () => {
  const assertionResults = [result("a", "passed"), result("b c", "failed"), result("d", "passed")];
  expect(tally([{ name, status: "failed", message: "", assertionResults }], 1)).toEqual({
    passed: 2,
    failed: 1,
    failures: ["packages/core/src/x.test.ts: b c"],
  });
});

test("a skipped test counts as failed", () => {
  const assertionResults = [result("a", "passed"), result("b", "skipped")];
  expect(tally([{ name, status: "passed", message: "", assertionResults }], 0)).toEqual({
    passed: 1,
    failed: 1,
    failures: ["packages/core/src/x.test.ts: b (skipped)"],
  });
});

test("a file that cannot be loaded counts as failed", () => {
  const file = { name, status: "failed", message: "no such file\nat x", assertionResults: [] };
  expect(tally([file], 1)).toMatchObject({
    failed: 1,
    failures: ["packages/core/src/x.test.ts: no such file"],
  });
});

test("a run that failed outside of every test counts as failed", () => {
  const assertionResults = [result("a", "passed")];
  const run = tally([{ name, status: "passed", message: "", assertionResults }], 1);
  expect(run).toMatchObject({ passed: 1, failed: 1 });
});

test("a run without a report counts as failed", () => {
  expect(tallyVitest(join(folder, "absent.json"), 0, "/repository")).toMatchObject({ failed: 1 });
});
