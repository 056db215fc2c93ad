import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";

const installTimeoutMs = 600_000;

/** Where fetched packages stay between runs, outside the repository. */
export const packageCache = join(homedir(), ".cache", "holdfast-bench");

/**
 * Fetches packages with npm into a folder of `cache` named after their versions, unless they are there; no
 * install scripts. Gives the folder. Errors: what npm says.
 */
export async function installPackages(cache: string, packages: readonly string[]): Promise<string> {
  const folder = join(
    cache,
    packages.map((each) => each.replace(/^@/, "").replaceAll(/[@/]+/g, "-")).join("+"),
  );
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, `.${basename(folder).slice(0, 40)}-`));
  try {
    writeFileSync(join(scratch, "package.json"), '{ "private": true, "type": "module" }\n');
    const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact"];
    await promisify(execFile)("npm", [...args, ...packages], {
      cwd: scratch,
      timeout: installTimeoutMs,
    });
    // Only a whole folder gets the name that later runs look for.
    renameSync(scratch, folder);
  } catch (thrown) {
    rmSync(scratch, { recursive: true, force: true });
    throw thrown;
  }
  return folder;
}
