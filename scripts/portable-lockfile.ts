/**
 * Makes package-lock.json right for every machine that `npm ci` may meet. Run it after adding a
 * dependency; with --check it writes nothing and fails when there is something to mend.
 *
 * - npm leaves the optional packages of other platforms out when it cannot fetch them, and `npm ci`
 *   then refuses the file: they are added with their version and platform, which is all that npm
 *   needs to skip them.
 * - npm silently skips an optional package whose `engines` do not fit the Node that runs npm. That may
 *   be an old one, while the project runs on the Node that its own dependencies bring: the `engines`
 *   of optional packages are left out.
 *
 *   npm run lockfile [-- --check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly engines?: unknown;
}

const systems = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const processors = ["arm", "arm64", "ia32", "ppc64", "riscv64", "s390x", "x64"];

const file = join(import.meta.dirname, "../package-lock.json");
const lock = JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, LockedPackage> };
const mended: string[] = [];
for (const [path, locked] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(locked.optionalDependencies ?? {})) {
    if (isLocked(name, path)) continue;
    lock.packages[`node_modules/${name}`] = platformPackage(name, version, locked.dev === true);
    mended.push(`${name}@${version} added`);
  }
  if (locked.optional && locked.engines) {
    const { engines: _, ...anyEngine } = locked;
    lock.packages[path] = anyEngine;
    mended.push(`engines of ${path} left out`);
  }
}
const check = process.argv.includes("--check");
if (mended.length > 0 && !check) {
  const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, "en"));
  const complete = { ...lock, packages: Object.fromEntries(sorted) };
  writeFileSync(file, `${JSON.stringify(complete, null, 2)}\n`);
}
for (const line of mended) console.log(line);
console.log(`package-lock.json: ${mended.length} ${check ? "to mend" : "mended"}`);
if (check && mended.length > 0) process.exitCode = 1;

/** Looked up as Node does it: in the package's own node_modules, then in those of the folders above. */
function isLocked(name: string, from: string): boolean {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) {
    if (lock.packages[`${at === "" ? "" : `${at}/`}node_modules/${name}`]) return true;
    if (at === "") return false;
  }
}

/** What the name says of the platform, in npm's words. */
function platformPackage(name: string, version: string, dev: boolean) {
  const words = name.split(/[/-]/);
  const os = words.find((word) => systems.includes(word));
  const cpu = words.find((word) => processors.includes(word));
  if (!os || !cpu || !/^\d+\.\d+\.\d+$/.test(version))
    throw new Error(`${name}@${version}: neither locked nor named after a platform`);
  const musl = words.some((word) => word.startsWith("musl"));
  return {
    version,
    cpu: [cpu],
    ...(dev && { dev }),
    ...(os === "linux" && musl && { libc: ["musl"] }),
    optional: true,
    os: [os],
  };
}
