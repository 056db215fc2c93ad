import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { repositoryFolder } from "../cluster/cluster-node.ts";

/**
 * Another version of this repository: its sources copied, its dependencies linked, and `version` in every
 * package.json. Returns the folder, which the caller removes.
 */
export function copyVersion(folder: string, version: string, from = repositoryFolder): string {
  mkdirSync(folder, { recursive: true });
  for (const name of ["packages", "package.json", "tsconfig.json"]) {
    cpSync(join(from, name), join(folder, name), {
      recursive: true,
      filter: (path) => !["node_modules", "dist"].includes(basename(path)),
    });
  }
  linkDependencies(folder);
  for (const name of readdirSync(join(folder, "packages"))) {
    const file = join(folder, "packages", name, "package.json");
    if (!existsSync(file)) continue;
    const manifest = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    writeFileSync(file, `${JSON.stringify({ ...manifest, version }, null, 2)}\n`);
  }
  return folder;
}

/** Everything as it is installed, but our own packages are the copies. */
function linkDependencies(folder: string): void {
  const installed = join(repositoryFolder, "node_modules");
  const linked = join(folder, "node_modules");
  mkdirSync(join(linked, "@holdfast"), { recursive: true });
  for (const name of readdirSync(installed)) {
    if (name !== "@holdfast") symlinkSync(join(installed, name), join(linked, name));
  }
  for (const name of readdirSync(join(folder, "packages"))) {
    symlinkSync(join(folder, "packages", name), join(linked, "@holdfast", name));
    const own = join(repositoryFolder, "packages", name, "node_modules");
    if (existsSync(own)) symlinkSync(own, join(folder, "packages", name, "node_modules"));
  }
}
