import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { compare } from "../../bench/lib/history-check.ts";
import { spreadOf } from "../../bench/lib/spread.ts";
import { sharesOf } from "../../bench/trace/shares.ts";
import { parseTrace, readTrace } from "../../bench/trace/trace-file.ts";

const folder = join(import.meta.dirname, "../..");

/** Runs a bench at its smallest; gives the last line. Errors: it ended with another code than 0. */
async function runQuick(name: string): Promise<Record<string, unknown>> {
  const file = join(folder, "bench", name, "main.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [file, "--quick"], {
    cwd: folder,
    timeout: 90_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

const figures = {
  unit: expect.any(String),
  value: expect.any(Number),
  baseline: expect.any(Number),
  ratio: expect.any(Number),
  machine: expect.objectContaining({ cores: expect.any(Number), natsServer: expect.any(String) }),
};
const clean = { lost: 0, doubled: 0, reordered: 0, strange: 0 };

describe("the benches run at their smallest and end with their figures", () => {
  test("density", async () => {
    const found = await runQuick("density");
    expect(found).toMatchObject({ name: "density", activeConversations: 60, ...figures });
  });

  test("restart: nothing is lost, doubled or out of order", async () => {
    const found = await runQuick("restart");
    expect(found).toMatchObject({ name: "restart", ...figures });
    expect(found["variants"]).toMatchObject([
      { killed: "node", check: clean },
      { killed: "node and engine", check: clean },
    ]);
  });

  test("trace: everything is answered once and in order, though a node is killed", async () => {
    const found = await runQuick("trace");
    expect(found).toMatchObject({ name: "trace", failed: 0, ...figures });
    expect(found["requests"]).toBeGreaterThan(100);
    expect(found["check"]).toMatchObject(clean);
  });

  test("failover: killed and paused owners lose, double and reorder nothing", async () => {
    const found = await runQuick("failover");
    expect(found).toMatchObject({ name: "failover", ...figures, ...clean });
    expect(found["kinds"]).toMatchObject([
      { kind: "compute", kills: 1, missing: 0 },
      { kind: "paused", kills: 1, missing: 0 },
    ]);
  });

  test("move: partitions move and no turn fails", async () => {
    const found = await runQuick("move");
    expect(found).toMatchObject({ name: "move", failedTurns: 0, ...figures });
    expect(found["moves"]).toBeGreaterThan(0);
    expect(found["check"]).toMatchObject(clean);
  });

  test("scaling: nothing is lost while nodes come", async () => {
    const found = await runQuick("scaling");
    expect(found).toMatchObject({ name: "scaling", areClean: true, ...figures });
    expect(found["levels"]).toMatchObject([{ nodes: 1 }, { nodes: 2 }]);
  });

  test("peers: Holdfast alone loses and doubles nothing", async () => {
    const found = await runQuick("peers");
    expect(found).toMatchObject({ name: "peers", ...figures });
    const history = { historyLost: 0, historyDoubled: 0, historyReordered: 0 };
    expect(found["table"]).toMatchObject([
      { contender: "stub", failures: [] },
      { contender: "holdfast", failures: [], lost: 0, ...history },
    ]);
  });
});

describe("the checker of histories", () => {
  test("accepts questions and answers in order", () => {
    expect(compare(["a", "b"], ["a", "re:a", "b", "re:b"])).toEqual(clean);
  });

  test.each([
    ["a lost answer", ["a", "re:a", "b"], { lost: 1 }],
    ["a lost message", ["a", "re:a"], { lost: 2 }],
    ["a doubled answer", ["a", "re:a", "re:a", "b", "re:b"], { doubled: 1 }],
    ["a doubled turn", ["a", "re:a", "b", "re:b", "b", "re:b"], { doubled: 2 }],
    ["another order", ["b", "re:b", "a", "re:a"], { reordered: 1 }],
    ["an answer behind the next message", ["a", "b", "re:a", "re:b"], { reordered: 1 }],
    ["what nobody sent", ["a", "re:a", "b", "re:b", "c"], { strange: 1 }],
  ])("finds %s", (_, found, faults) => {
    expect(compare(["a", "b"], found)).toEqual({ ...clean, ...faults });
  });
});

describe("the checker where not everything was acknowledged", () => {
  const b = new Set(["b"]);

  test("lets a message be missing that was never acknowledged, but answers it when it came", () => {
    expect(compare(["a", "b"], ["a", "re:a"], b)).toEqual(clean);
    expect(compare(["a", "b"], ["a", "re:a", "b"], b)).toEqual({ ...clean, lost: 1 });
    expect(compare(["a"], [], b)).toEqual({ ...clean, lost: 2 });
  });

  test("still finds one twice", () => {
    const found = ["a", "re:a", "b", "re:b", "b", "re:b"];
    expect(compare(["a", "b"], found, b)).toEqual({ ...clean, doubled: 2 });
  });

  test("asks no order of messages that overlapped, and keeps it for the others", () => {
    const overlapping = new Set(["a", "b"]);
    const found = ["b", "re:b", "a", "re:a", "c", "re:c", "d", "re:d"];
    expect(compare(["a", "b", "c", "d"], found, undefined, overlapping)).toEqual(clean);
    const swapped = ["a", "re:a", "b", "re:b", "d", "re:d", "c", "re:c"];
    expect(compare(["a", "b", "c", "d"], swapped, undefined, overlapping).reordered).toBe(1);
  });
});

describe("the figures of a trace", () => {
  const exchange = {
    conversation: 0,
    sentAt: 1_000,
    answeredAt: 1_500,
    lateMs: 0,
    freeAt: 0,
    problem: undefined,
    isDurable: true,
  };

  test("the platform's share leaves out the model's time and the wait for the conversation", () => {
    const first = { ...exchange, id: "0.0" };
    const second = { ...exchange, id: "0.1", answeredAt: 2_000, freeAt: 1_500 };
    const calls = [
      { id: "0.0", ms: 490 },
      { id: "0.1", ms: 480 },
    ];
    const { share, queued, repeatedCalls } = sharesOf([first, second], calls);
    expect(share).toMatchObject({ count: 2, p50: 10, max: 20 });
    expect({ queued, repeatedCalls }).toEqual({ queued: 1, repeatedCalls: 0 });
  });

  test("a failed request counts as a problem and has no share", () => {
    const { share, problems, examples } = sharesOf(
      [{ ...exchange, id: "0.0", problem: "status 503" }],
      [],
    );
    expect(share.count).toBe(0);
    expect({ problems, examples }).toEqual({ problems: 1, examples: ["status 503"] });
  });

  test("percentiles are those of the nearest rank", () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(spreadOf(values)).toEqual({ count: 100, p50: 50, p99: 99, max: 100 });
    expect(spreadOf([])).toEqual({ count: 0, p50: 0, p99: 0, max: 0 });
  });
});

describe("a trace file", () => {
  const head = "TIMESTAMP,ContextTokens,GeneratedTokens";

  test("is read with times from its first request on, whatever ends its lines", () => {
    const text = `${head}\r\n2023-11-16 18:15:59.5000000,374,44\r\n2023-11-16 18:16:01.2500000,9,0`;
    expect(parseTrace(text)).toEqual([
      { atMs: 0, contextTokens: 374, generatedTokens: 44 },
      { atMs: 1_750, contextTokens: 9, generatedTokens: 0 },
    ]);
  });

  test("the sample of the repository can be read", () => {
    expect(readTrace(join(folder, "bench/trace/sample.csv"))).toHaveLength(120);
  });

  test.each([
    ["another header", "a,b,c\n", "line 1"],
    ["a missing number", `${head}\n2023-11-16 18:15:46.1,374,`, "line 2"],
    ["a time that is none", `${head}\nyesterday,1,1`, "line 2"],
    [
      "a time that goes back",
      `${head}\n2023-11-16 18:15:46,1,1\n2023-11-16 18:15:45,1,1`,
      "line 3",
    ],
  ])("refuses %s", (_, text, where) => {
    expect(() => parseTrace(text)).toThrow(where);
  });
});
