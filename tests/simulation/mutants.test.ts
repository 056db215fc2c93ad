import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Mutant, mutants } from "./mutants.ts";
import { mutatedCopy } from "./mutated-copy.ts";

/** Within these seeds the simulation must say what is missing; it does within the first 50. */
const seeds = 500;

describe("the simulation notices when", () => {
  test.concurrent.each(mutants)("$name", async (mutant) => {
    const { code, output } = await simulated(mutant);
    expect(output).toMatch(new RegExp(`^found: .*(${mutant.shownBy})`, "m"));
    expect(code).toBe(1);
  });
});

/** Runs the seeds with the mutant until one shows it. */
async function simulated(mutant: Mutant): Promise<{ code: number | null; output: string }> {
  const folder = mutatedCopy(mutant);
  try {
    const script = join(folder, "tests/simulation/run-seeds.ts");
    const words = ["--seeds", `${seeds}`, "--until", mutant.shownBy, "--quiet"];
    const child = spawn(process.execPath, [script, ...words], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    child.on("error", reject);
    child.on("close", resolve);
    const code = await promise;
    return { code, output: Buffer.concat(chunks).toString("utf8") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
