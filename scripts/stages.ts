/** What `npm test` runs, in this order. */
export interface Stage {
  readonly name: string;
  /** `check` counts as one test; `vitest` counts its tests from the JSON report. */
  readonly kind: "check" | "vitest";
  readonly command: readonly [string, ...string[]];
  readonly timeoutMs: number;
  /** What to do when it fails. */
  readonly remedy: string;
}

const node = process.execPath;
const minuteMs = 60_000;

export const stages: readonly Stage[] = [
  {
    // First: the rest may use them.
    name: "debian packages",
    kind: "check",
    command: [node, "scripts/debian-packages.ts"],
    timeoutMs: 5 * minuteMs,
    remedy: "install them as root; scripts/debian-packages.ts names them",
  },
  {
    name: "format",
    kind: "check",
    command: ["biome", "format", "."],
    timeoutMs: minuteMs,
    remedy: "npm run format",
  },
  {
    // By its path: other packages bring a `tsc` of an older TypeScript.
    name: "types",
    kind: "check",
    command: [node, "node_modules/typescript/bin/tsc", "--noEmit"],
    timeoutMs: 3 * minuteMs,
    remedy: "npm run types",
  },
  {
    name: "lint",
    kind: "check",
    command: ["oxlint", "--type-aware", "--deny-warnings"],
    timeoutMs: 2 * minuteMs,
    remedy: "npm run lint; with --fix it mends some by itself",
  },
  {
    name: "boundaries",
    kind: "check",
    command: [node, "scripts/check-boundaries.ts"],
    timeoutMs: minuteMs,
    remedy: "npm run boundaries; the rules stand in .dependency-cruiser.mjs",
  },
  {
    name: "unused code",
    kind: "check",
    command: ["knip", "--no-progress", "--no-config-hints"],
    timeoutMs: 2 * minuteMs,
    remedy: "npm run unused; delete it, or stop exporting it",
  },
  {
    name: "lockfile",
    kind: "check",
    command: [node, "scripts/portable-lockfile.ts", "--check"],
    timeoutMs: minuteMs,
    remedy: "npm run lockfile",
  },
  {
    name: "docs",
    kind: "check",
    command: [node, "scripts/generate-docs.ts", "--check"],
    timeoutMs: minuteMs,
    remedy: "npm run docs:generate",
  },
  {
    name: "build",
    kind: "check",
    command: [node, "scripts/build.ts"],
    timeoutMs: 3 * minuteMs,
    remedy: "npm run build",
  },
  {
    name: "unit tests",
    kind: "vitest",
    command: ["vitest", "run", "--project", "unit", "--project", "simulated"],
    timeoutMs: 8 * minuteMs,
    remedy: "npx vitest run --project unit FILE; simulated for tests/path and tests/simulation",
  },
  {
    name: "process tests",
    kind: "vitest",
    command: ["vitest", "run", "--project", "processes"],
    timeoutMs: 8 * minuteMs,
    remedy: "npx vitest run --project processes FILE",
  },
  {
    name: "end-to-end tests",
    kind: "vitest",
    command: ["vitest", "run", "--project", "e2e"],
    timeoutMs: 10 * minuteMs,
    remedy: "npx vitest run --project e2e FILE",
  },
];
