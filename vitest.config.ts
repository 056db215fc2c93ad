import { defineConfig } from "vitest/config";

/** What needs nothing but processors: whole clusters in virtual time. */
const simulated = ["tests/path/**/*.test.ts", "tests/simulation/**/*.test.ts"];
/** Real processes that mostly wait, and do not care how long: two files at a time. */
const processes = [
  "tests/{channels,openclaw-client,webchat}/**/*.test.ts",
  "tests/e2e/{a-new-user,a-node-that-cannot,apply-refuses,bad-requests,crash-at,hostile,imports}-*.test.ts",
];

/**
 * `unit` beside the code, `simulated` in virtual time, `processes` and `e2e` on real processes; in `e2e`
 * times matter: one file at a time.
 */
export default defineConfig({
  test: {
    retry: 0,
    sequence: { shuffle: false },
    projects: [
      {
        test: {
          name: "unit",
          include: ["packages/**/*.test.ts", "scripts/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "simulated",
          include: simulated,
          testTimeout: 240_000,
          hookTimeout: 30_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "processes",
          include: processes,
          testTimeout: 240_000,
          hookTimeout: 240_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["tests/**/*.test.ts"],
          exclude: ["**/node_modules/**", ...simulated, ...processes],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
