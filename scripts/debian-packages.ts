/**
 * Installs the Debian packages that the suites need and that are missing; needs root and apt-get for that.
 *
 *   node scripts/debian-packages.ts
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** A command of each package, and the package. */
const needed: Readonly<Record<string, string>> = {
  chromium: "chromium",
  dovecot: "dovecot-imapd",
  openssl: "openssl",
  script: "bsdutils",
};
const installMs = 240_000;

const missing = Object.entries(needed).flatMap(([command, name]) =>
  isThere(command) ? [] : [name],
);
if (missing.length > 0) {
  console.log(`Missing: ${missing.join(", ")}`);
  const again = ["-o", "Acquire::Retries=3"];
  run("apt-get", ...again, "update", "-q");
  run("apt-get", ...again, "install", "-qy", "--no-install-recommends", ...missing);
}

function isThere(command: string): boolean {
  // Daemons stand where only root looks.
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function run(...[command, ...words]: [string, ...string[]]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { status, error } = spawnSync(command, words, {
    stdio: "inherit",
    env,
    timeout: installMs,
  });
  if (status === 0) return;
  console.error(`${command} ${words.join(" ")} failed (${error?.message ?? status})`);
  process.exit(1);
}
