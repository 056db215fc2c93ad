/**
 * Checks the rules of .dependency-cruiser.mjs on the present folder; fails when one is broken.
 *
 *   node scripts/check-boundaries.ts [folder...]     (default: every folder that holds sources)
 */
import "./use-typescript-6.ts";
import { existsSync } from "node:fs";
import type { IConfiguration } from "dependency-cruiser";

const sourceFolders = ["packages", "scripts", "tests", "bench", "examples"];

const { allExtensions, cruise } = await import("dependency-cruiser");
if (!allExtensions.some(({ extension, available }) => extension === ".ts" && available)) {
  throw new Error("dependency-cruiser found no TypeScript to parse with");
}
const rules = new URL("../.dependency-cruiser.mjs", import.meta.url);
const { default: configuration } = (await import(rules.href)) as { default: IConfiguration };
const named = process.argv.slice(2);
const folders = named.length > 0 ? named : sourceFolders.filter((folder) => existsSync(folder));
const { output, exitCode } = await cruise(folders, {
  ...configuration.options,
  ruleSet: { forbidden: configuration.forbidden ?? [] },
  validate: true,
  outputType: "err-long",
});
if (typeof output !== "string") throw new Error("dependency-cruiser gave no text");
process.stdout.write(`${output.trim()}\n`);
process.exitCode = exitCode;
