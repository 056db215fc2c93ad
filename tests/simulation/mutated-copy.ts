import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mutant } from "./mutants.ts";

const root = join(import.meta.dirname, "../..");
const packages = ["core", "engine", "testkit"];

/**
 * Copies what the simulation runs on to a new folder with the mutant in its core, and returns the folder.
 * The copies find each other under their names; other dependencies are those of the repository.
 */
export function mutatedCopy({ edits }: Mutant): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-mutant-"));
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@holdfast"), { recursive: true });
  for (const name of packages) {
    const copy = join(folder, "packages", name);
    cpSync(join(root, "packages", name, "src"), join(copy, "src"), { recursive: true });
    cpSync(join(root, "packages", name, "package.json"), join(copy, "package.json"));
    symlinkSync(copy, join(modules, "@holdfast", name));
  }
  cpSync(join(root, "tests/simulation"), join(folder, "tests/simulation"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== "@holdfast" && !name.startsWith(".")) {
      symlinkSync(join(root, "node_modules", name), join(modules, name));
    }
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  for (const { file, from, to } of edits) {
    const path = join(folder, "packages/core/src", file);
    const text = readFileSync(path, "utf8");
    const found = text.split(from).length - 1;
    if (found !== 1) throw new Error(`${file} holds the mutant's text ${found} times:\n${from}`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
  }
  return folder;
}
