/**
 * Writes the reference pages that follow from the code: docs/errors.md and docs/limits.md.
 * With --check it writes nothing and fails when a page is not what it would write.
 *
 *   node scripts/generate-docs.ts [--check]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorsPage } from "./docs/errors-page.ts";
import { limitsPage } from "./docs/limits-page.ts";

const folder = join(import.meta.dirname, "..");
const source = (path: string) => readFileSync(join(folder, path), "utf8");

const pages = [
  { path: "docs/errors.md", text: errorsPage(source("packages/core/src/errors.ts")) },
  { path: "docs/limits.md", text: limitsPage(source("packages/core/src/limits.ts")) },
];

const check = process.argv.includes("--check");
for (const { path, text } of pages) {
  const file = join(folder, path);
  const current = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (current === text) continue;
  if (check) {
    console.log(`${path} is not up to date: run npm run docs:generate`);
    process.exitCode = 1;
  } else {
    mkdirSync(join(folder, "docs"), { recursive: true });
    writeFileSync(file, text);
    console.log(`wrote ${path}`);
  }
}
