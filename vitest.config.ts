import { defineConfig } from "vitest/config";

/** Two projects: `unit` beside the code, `e2e` for what crosses processes, one file at a time. */
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
          name: "e2e",
          include: ["tests/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
