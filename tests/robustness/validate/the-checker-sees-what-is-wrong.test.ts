import { describe, expect, test } from "vitest";
import { encodeEntry, encodeRecord } from "../../../packages/core/src/path/records.ts";
import { historyOf, RecordBuilder } from "./bad-records.ts";
import { checkEffects } from "./check-effects.ts";
import { checkHistory } from "./check-history.ts";
import { checkJournal } from "./check-journal.ts";
import { checkNodesAgree } from "./check-nodes.ts";
import { checkOutage } from "./check-outage.ts";
import { checkOwnership } from "./check-ownership.ts";
import { percentiles, waitsFrom } from "./figures.ts";

const twoDone = () => new RecordBuilder().done("c1", 1).done("c1", 2);
const kindsIn = (record: RecordBuilder, ...texts: readonly string[]) =>
  checkHistory(record.operations().get("c1") ?? [], historyOf(...texts)).map(({ kind }) => kind);

describe("a history", () => {
  test("that holds everything once and in order is clean", () => {
    expect(kindsIn(twoDone(), "#c1.1", "re #c1.1", "#c1.2", "re #c1.2")).toEqual([]);
  });

  test("with two messages in one turn is clean", () => {
    const record = new RecordBuilder().sent("c1", 1).acked("c1", 1).sent("c1", 2).acked("c1", 2);
    record.answered("c1", 2, "re #c1.1 #c1.2");
    expect(kindsIn(record, "#c1.1", "#c1.2", "re #c1.1 #c1.2")).toEqual([]);
  });

  test("without an acknowledged message has lost it", () => {
    expect(kindsIn(twoDone(), "#c1.1", "re #c1.1")).toContain("lost");
  });

  test("with an acknowledged message that nobody answered has lost it", () => {
    const record = new RecordBuilder().sent("c1", 1).acked("c1", 1);
    expect(kindsIn(record, "#c1.1")).toEqual(["lost"]);
  });

  test("with a message twice has doubled it", () => {
    const found = kindsIn(twoDone(), "#c1.1", "re #c1.1", "#c1.2", "re #c1.2", "#c1.1", "re #c1.1");
    expect(found).toContain("doubled");
    expect(found).toContain("double-reply");
  });

  test("with two answers to one message has a double reply", () => {
    expect(kindsIn(twoDone(), "#c1.1", "re #c1.1", "re #c1.1", "#c1.2", "re #c1.2")).toContain(
      "double-reply",
    );
  });

  test("with a later message first is out of order", () => {
    expect(kindsIn(twoDone(), "#c1.2", "re #c1.2", "#c1.1", "re #c1.1")).toContain("reordered");
  });

  test("with messages that overlapped may hold them in any order", () => {
    const record = new RecordBuilder().sent("c1", 1).sent("c1", 2).acked("c1", 1).acked("c1", 2);
    expect(kindsIn(record, "#c1.2", "re #c1.2", "#c1.1", "re #c1.1")).toEqual([]);
  });

  test("with what nobody sent, or an answer to something else, is strange", () => {
    const whole = ["#c1.1", "re #c1.1", "#c1.2", "re #c1.2"];
    expect(kindsIn(twoDone(), ...whole, "#c9.1", "re #c9.1")).toContain("strange");
    expect(kindsIn(twoDone(), "#c1.1", "re #c1.1", "#c1.2", "re ")).toContain("strange");
  });

  test("with a refused message shows that the refusal was false", () => {
    const record = twoDone().sent("c1", 3).refused("c1", 3, "not_ready");
    const whole = ["#c1.1", "re #c1.1", "#c1.2", "re #c1.2", "#c1.3", "re #c1.3"];
    expect(kindsIn(record, ...whole)).toEqual(["refused-took-effect"]);
    expect(kindsIn(record.unknown("c1", 3), ...whole)).toEqual([]);
  });

  test("that differs from what the client was told is a false answer", () => {
    const record = new RecordBuilder().sent("c1", 1).acked("c1", 1).answered("c1", 1, "re #c1.1 b");
    expect(kindsIn(record, "#c1.1", "re #c1.1 a")).toEqual(["told-otherwise"]);
  });

  test("with a hole in its indices, or a repeat under another id, is seen", () => {
    const record = twoDone().acked("c1", 2, { id: "another" });
    const history = historyOf("#c1.1", "re #c1.1", "#c1.2", "re #c1.2").map((message, place) => {
      return { ...message, index: place < 2 ? place : place + 1 };
    });
    const kinds = checkHistory(record.operations().get("c1") ?? [], history).map((v) => v.kind);
    expect(new Set(kinds)).toEqual(new Set(["gap", "two-ids", "told-otherwise"]));
  });
});

test("nodes that tell two histories do not agree", () => {
  const whole = historyOf("#c1.1", "re #c1.1");
  const check = (other: typeof whole | undefined) =>
    checkNodesAgree(
      "c1",
      new Map([
        ["a", whole],
        ["b", other],
      ]),
    );
  expect(check(historyOf("#c1.1", "re #c1.1"))).toEqual([]);
  expect(check(historyOf("#c1.1"))).toMatchObject([{ kind: "nodes-differ" }]);
  expect(check(undefined)).toMatchObject([{ kind: "nodes-differ" }]);
});

describe("the tools' books", () => {
  const effect = (tool: "pay" | "safe", mark: string, key = mark) => {
    return { t: "effect", at: 1, tool, mark, key } as const;
  };
  const check = (tool: "pay" | "safe", answer: string, ...keys: readonly string[]) => {
    const record = new RecordBuilder().done("c1", 1, tool);
    const effects = keys.map((key) => effect(tool, "c1.1", key));
    const histories = new Map([["c1", historyOf("#c1.1", answer)]]);
    return checkEffects(record.operations(), histories, effects);
  };
  const kinds = (...args: Parameters<typeof check>) => check(...args).violations.map((v) => v.kind);

  test("with one effect for each call are clean", () => {
    expect(kinds("pay", "re #c1.1", "k")).toEqual([]);
    expect(kinds("safe", "re #c1.1", "k", "k")).toEqual([]);
  });

  test("with two effects of what may not be repeated are seen", () => {
    expect(kinds("pay", "re #c1.1", "k", "k")).toEqual(["tool-doubled"]);
    expect(kinds("pay", "re #c1.1 !unknown", "k", "k")).toEqual(["tool-doubled"]);
  });

  test("with two keys for one call are seen", () => {
    expect(kinds("safe", "re #c1.1", "k", "l")).toEqual(["two-keys"]);
  });

  test("without an effect are seen unless it was flagged", () => {
    expect(kinds("pay", "re #c1.1")).toEqual(["tool-missing"]);
    expect(check("pay", "re #c1.1 !unknown")).toMatchObject({ violations: [], flagged: 1 });
  });
});

test("an acknowledgement of what was sent in an outage is false", () => {
  const record = new RecordBuilder()
    .sent("c1", 1, "none", 50)
    .acked("c1", 1, { at: 150 })
    .sent("c2", 1, "none", 120)
    .refused("c2", 1, "engine_unavailable", { at: 130, ms: 8 })
    .acked("c2", 1, { at: 180 })
    .sent("c3", 1, "none", 120)
    .acked("c3", 1, { at: 250 });
  const { violations, refusalMs } = checkOutage(record.operations(), { from: 100, to: 200 });
  expect(violations).toMatchObject([
    { kind: "false-ack", detail: expect.stringContaining("c2.1") },
  ]);
  expect(refusalMs).toEqual([8]);
});

test("what was accepted in an outage and waits for its reply is false too; a 503 of either kind is none", () => {
  const record = new RecordBuilder()
    .sent("c1", 1, "none", 50)
    .unknown("c1", 1, "wait_timeout", { at: 190, ms: 50 })
    .sent("c2", 1, "none", 120)
    .unknown("c2", 1, "append_outcome_unknown", { at: 150, ms: 20 })
    .unknown("c2", 1, "reset", { at: 160, ms: 5 })
    .sent("c3", 1, "none", 120)
    .unknown("c3", 1, "wait_timeout", { at: 180, ms: 50 });
  const { violations, ...counts } = checkOutage(record.operations(), { from: 100, to: 200 });
  expect(violations).toMatchObject([
    { kind: "false-ack", detail: expect.stringContaining("c3.1") },
  ]);
  expect(counts).toEqual({ refusalMs: [20], unconfirmed: 1, unanswered: 1 });
});

describe("a journal", () => {
  const record = (epoch: number, node: string, entries: object[] = [], watermark = 0) =>
    encodeRecord({ epoch, node, append: "x", watermark }, entries.map(encodeEntry));
  const opened = { t: "opened" };
  const step = { t: "step", turn: "t1", step: { kind: "tool", callId: "call-1" } };
  const kinds = (...records: readonly Uint8Array[]) =>
    checkJournal("journal-0", records).violations.map(({ kind }) => kind);

  test("with one owner after the other is clean", () => {
    const records = [
      record(1, "a", [opened]),
      record(1, "a", [step], 3),
      record(2, "b", [opened], 3),
    ];
    expect(kinds(...records)).toEqual([]);
    expect(checkJournal("journal-0", records).owners).toHaveLength(2);
  });

  test("with an older owner's record, or two writers in an epoch, had two owners", () => {
    const two = [record(1, "a", [opened]), record(2, "b", [opened])];
    expect(kinds(...two, record(1, "a"))).toEqual(["two-owners"]);
    expect(kinds(...two, record(2, "a"))).toEqual(["two-owners"]);
    expect(kinds(...two, record(3, "a"))).toEqual(["two-owners"]);
  });

  test("with a finished step again, or a falling watermark, is wrong", () => {
    const one = record(1, "a", [opened, step], 5);
    expect(kinds(one, record(1, "a", [step], 5))).toEqual(["step-repeated"]);
    expect(kinds(one, record(1, "a", [], 4))).toEqual(["reordered"]);
  });
});

describe("owners as the nodes tell them", () => {
  const sample = (at: number, node: string, owner: string, epoch: number) => {
    return { at, node, partition: 0, owner, epoch };
  };
  const check = (...samples: readonly ReturnType<typeof sample>[]) =>
    checkOwnership(samples, { windowMs: 30_000, movesMax: 1 });

  test("with two owners of one epoch are wrong", () => {
    expect(check(sample(1, "a", "a", 1), sample(2, "b", "a", 1)).violations).toEqual([]);
    expect(check(sample(1, "a", "a", 1), sample(2, "b", "b", 1)).violations).toMatchObject([
      { kind: "two-owners" },
    ]);
  });

  test("with two moves in half a minute flap; an old telling is no move", () => {
    const one = [sample(1, "a", "a", 1), sample(2_000, "a", "b", 2), sample(2_500, "b", "a", 1)];
    expect(check(...one)).toMatchObject({ violations: [], moves: 1, mostMoves: 1 });
    expect(check(...one, sample(20_000, "a", "a", 3)).violations).toMatchObject([
      { kind: "flapped" },
    ]);
    expect(check(...one, sample(40_000, "a", "a", 3)).violations).toEqual([]);
  });
});

test("waits are counted from the fault, and an answer that never came is endless", () => {
  const record = new RecordBuilder().sent("c1", 1, "none", 100).sent("c2", 1, "none", 900);
  record.events.push({ t: "answer", at: 1_700, c: "c1", n: 1, node: "a", text: "" });
  expect(waitsFrom(record.operations().values(), 500, 10_000)).toEqual([
    1_200,
    Number.POSITIVE_INFINITY,
  ]);
  expect(percentiles([5, 1, 3])).toEqual({ count: 3, p50: 3, p99: 5, max: 5 });
  expect(percentiles([])).toEqual({ count: 0, p50: 0, p99: 0, max: 0 });
});
