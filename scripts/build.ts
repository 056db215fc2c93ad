/**
 * Builds what is published: dist/packages/NAME with the JavaScript and types of every file that an
 * entry of the package reaches, so tests and their helpers stay out. dist/node_modules links the
 * packages to each other, and the built command is run once.
 *
 *   npm run build
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** A command's import of a source file: `"../src/main.ts"`. */
const importOfSource = /"(\.\.\/src\/[^"]+\.ts)"/g;
const folder = join(import.meta.dirname, "..");
const dist = join(folder, "dist");
const packages = readdirSync(join(folder, "packages"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => ({ name, manifest: readManifest(name) }));

rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, "node_modules/@holdfast"), { recursive: true });
compile(packages.flatMap(({ name, manifest }) => entriesOf(name, manifest)));
for (const { name, manifest } of packages) {
  writePackage(name, manifest);
  symlinkSync(join("../../packages", name), join(dist, "node_modules", manifest.name));
}
tryCommand();

function readManifest(name: string): Manifest {
  const text = readFileSync(join(folder, "packages", name, "package.json"), "utf8");
  return JSON.parse(text) as Manifest;
}

/** Sources that the outside can reach: exports, and what commands import. */
function entriesOf(name: string, manifest: Manifest): string[] {
  const root = join(folder, "packages", name);
  const commands = Object.values(manifest.bin ?? {}).flatMap((bin) =>
    [...readFileSync(join(root, bin), "utf8").matchAll(importOfSource)].map(([, path = ""]) =>
      join(dirname(bin), path),
    ),
  );
  return [...Object.values(manifest.exports), ...commands].map((path) => join(root, path));
}

function compile(files: readonly string[]): void {
  const base = readFileSync(join(folder, "tsconfig.json"), "utf8");
  const { compilerOptions } = JSON.parse(base) as { compilerOptions: Record<string, unknown> };
  const { noEmit: _, ...options } = compilerOptions;
  const project = join(dist, "tsconfig.json");
  const emit = {
    rootDir: join(folder, "packages"),
    outDir: join(dist, "packages"),
    declaration: true,
    rewriteRelativeImportExtensions: true,
    // Found through node_modules a package would count as somebody else's, and not be emitted.
    paths: Object.fromEntries(packages.flatMap(({ name, manifest }) => pathsOf(name, manifest))),
    typeRoots: [join(folder, "node_modules/@types")],
  };
  writeFileSync(project, JSON.stringify({ compilerOptions: { ...options, ...emit }, files }));
  run(join(folder, "node_modules/typescript/bin/tsc"), "--project", project);
  rmSync(project);
}

/** Import names of a package with the sources that they stand for. */
function pathsOf(name: string, manifest: Manifest): [string, string[]][] {
  return Object.entries(manifest.exports).map(([key, path]) => [
    join(manifest.name, key),
    [join(folder, "packages", name, path)],
  ]);
}

function writePackage(name: string, manifest: Manifest): void {
  const from = join(folder, "packages", name);
  const to = join(dist, "packages", name);
  const { devDependencies: _, ...published } = manifest;
  const exports = Object.fromEntries(
    Object.entries(manifest.exports).map(([key, path]) => [
      key,
      { types: path.replace(/\.ts$/, ".d.ts"), default: path.replace(/\.ts$/, ".js") },
    ]),
  );
  writeFileSync(
    join(to, "package.json"),
    `${JSON.stringify({ ...published, exports }, null, 2)}\n`,
  );
  cpSync(join(folder, "LICENSE"), join(to, "LICENSE"));
  // What browsers get is served as it is written.
  for (const file of readdirSync(join(from, "src"), { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".js")) cpSync(join(from, "src", file), join(to, "src", file));
  }
  for (const bin of Object.values(manifest.bin ?? {})) {
    const text = readFileSync(join(from, bin), "utf8").replace(importOfSource, (found) =>
      found.replace(/\.ts"/, '.js"'),
    );
    mkdirSync(dirname(join(to, bin)), { recursive: true });
    writeFileSync(join(to, bin), text, { mode: 0o755 });
  }
  // Versions that npm could not share stand in the package's own folder.
  if (existsSync(join(from, "node_modules")))
    symlinkSync(join(from, "node_modules"), join(to, "node_modules"));
}

/** The built command says its version: its imports resolve to built files only. */
function tryCommand(): void {
  const cli = packages.find(({ manifest }) => manifest.bin?.["holdfast"] !== undefined);
  if (!cli) return;
  const bin = cli.manifest.bin?.["holdfast"] ?? "";
  run("--no-strip-types", join(dist, "packages", cli.name, bin), "--version");
}

/** Runs Node; its failure is the build's, and it has said why itself. */
function run(...words: string[]): void {
  const { status, signal, error } = spawnSync(process.execPath, words, {
    stdio: "inherit",
    cwd: folder,
    timeout: 180_000,
  });
  if (status === 0) return;
  console.error(`The build failed: ${words.join(" ")} (${error?.message ?? signal ?? status})`);
  process.exit(1);
}
