import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DevWishes, openPlan, partitionsFor } from "./dev-plan.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "holdfast-plan-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const nothing: DevWishes = { nodes: undefined, port: undefined, partitions: undefined };

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (thrown: { code?: string }) => thrown.code ?? "unknown",
  );
}

describe("the plan of a cluster on this machine", () => {
  it("has three store nodes first, then compute nodes, on ports that are kept", async () => {
    const plan = await openPlan(folder, { ...nothing, nodes: 5 });
    expect(plan.nodes.map(({ name, role }) => `${name} ${role}`)).toEqual([
      "n1 store",
      "n2 store",
      "n3 store",
      "n4 compute",
      "n5 compute",
    ]);
    expect(new Set(plan.nodes.map(({ port }) => port)).size).toBe(5);
    expect(plan.partitions).toBe(16);
    expect(await openPlan(folder, nothing)).toEqual(plan);
    expect(statSync(path.join(folder, "plan.json")).mode & 0o777).toBe(0o600);
  });

  it("grows, and keeps its first nodes and its partitions", async () => {
    const plan = await openPlan(folder, { ...nothing, nodes: 1, port: 25_000, partitions: 4 });
    expect(plan).toEqual({
      partitions: 4,
      nodes: [{ name: "n1", role: "store", port: 25_000, gatewayPort: expect.any(Number) }],
    });
    const grown = await openPlan(folder, { ...nothing, nodes: 4, port: 25_000 });
    expect(grown.nodes.map(({ port }) => port)).toEqual([25_000, 25_001, 25_002, 25_003]);
    expect(grown.partitions).toBe(4);
  });

  it("refuses what an existing cluster cannot become", async () => {
    await openPlan(folder, { nodes: 3, port: 25_000, partitions: 8 });
    expect(await codeOf(openPlan(folder, { ...nothing, nodes: 2 }))).toBe("usage");
    expect(await codeOf(openPlan(folder, { ...nothing, port: 26_000 }))).toBe("usage");
    expect(await codeOf(openPlan(folder, { ...nothing, partitions: 16 }))).toBe("usage");
  });

  it("names a file that is not its own, and a folder that cannot be made", async () => {
    writeFileSync(path.join(folder, "plan.json"), '{"nodes":[]}');
    expect(await codeOf(openPlan(folder, nothing))).toBe("file_unreadable");
    expect(await codeOf(openPlan(path.join(folder, "plan.json", "x"), nothing))).toBe(
      "file_unreadable",
    );
  });
});

it.each([
  [1, 8],
  [3, 8],
  [4, 8],
  [5, 16],
  [8, 16],
  [9, 32],
  [64, 128],
  [200, 256],
])("%d nodes get %d partitions", (nodes, partitions) => {
  expect(partitionsFor(nodes)).toBe(partitions);
});
