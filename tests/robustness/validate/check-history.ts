import type { OperationRecord } from "../model/operations.ts";
import type { HistoryMessage } from "../traffic/api-client.ts";
import { marksIn } from "../traffic/record.ts";
import type { Violation, ViolationKind } from "./violations.ts";

/** Refusals that come before anything is stored, whatever the request waits for. */
const refusedBefore = new Set([
  "not_ready",
  "node_busy",
  "storage_full",
  "rate_limited",
  "conversation_busy",
  "agent_busy",
]);

/**
 * Compares one conversation's final history with what its client did and was told. `operations` are in the
 * order in which they were sent, each after the one before was acknowledged or given up.
 */
export function checkHistory(
  operations: readonly OperationRecord[],
  history: readonly HistoryMessage[],
): Violation[] {
  const found: Violation[] = [];
  const violate = (kind: ViolationKind, detail: string) => void found.push({ kind, detail });
  const places = userPlaces(operations, history, violate);
  const answers = answersOf(history, violate);
  history.forEach(({ index }, place) => {
    if (index !== place) violate("gap", `${operations[0]?.c}: index ${index} at place ${place}`);
  });
  let before: OperationRecord | undefined;
  for (const operation of operations) {
    checkOperation(operation, places, answers, history, violate);
    const place = places.get(operation.mark);
    if (place === undefined) continue;
    const last = before && places.get(before.mark);
    if (before && last !== undefined && last > place && wasAckedBefore(before, operation)) {
      violate("reordered", `#${operation.mark} is handled before #${before.mark}`);
    }
    before = operation;
  }
  return found;
}

type Violate = (kind: ViolationKind, detail: string) => void;

function wasAckedBefore(earlier: OperationRecord, later: OperationRecord): boolean {
  const acked = earlier.acks[0];
  return acked !== undefined && acked.at < later.sentAt;
}

/** Where each operation's text stands. */
function userPlaces(
  operations: readonly OperationRecord[],
  history: readonly HistoryMessage[],
  violate: Violate,
): Map<string, number> {
  const known = new Set(operations.map(({ mark }) => mark));
  const places = new Map<string, number>();
  const ids = new Set<string>();
  for (const { id, role, text, index } of history) {
    if (ids.has(id)) violate("doubled", `the id ${id} stands twice`);
    ids.add(id);
    if (role !== "user") continue;
    const [mark = "?", ...more] = marksIn(text);
    if (!known.has(mark) || more.length > 0) {
      violate("strange", `nobody sent ${JSON.stringify(text.slice(0, 80))}`);
    }
    if (places.has(mark)) violate("doubled", `#${mark} stands at ${places.get(mark)} and ${index}`);
    else places.set(mark, index);
  }
  return places;
}

/** The place of the answer to each mark. Every answer names exactly what stands before it. */
function answersOf(history: readonly HistoryMessage[], violate: Violate): Map<string, number> {
  const answers = new Map<string, number>();
  let asked: string[] = [];
  for (const { role, text, index, toolCalls } of history) {
    if (role === "user") asked.push(...marksIn(text));
    if (role !== "assistant" || (toolCalls ?? []).length > 0) continue;
    const named = marksIn(text);
    for (const mark of named) {
      if (answers.has(mark)) {
        violate("double-reply", `#${mark} is answered at ${answers.get(mark)} and ${index}`);
      } else answers.set(mark, index);
    }
    const isOther = named.length !== asked.length || named.some((mark, i) => mark !== asked[i]);
    if (isOther && named.every((mark) => answers.get(mark) === index)) {
      violate("strange", `${asked.join(" ")} is answered with ${text.slice(0, 80)}`);
    }
    asked = [];
  }
  return answers;
}

function checkOperation(
  operation: OperationRecord,
  places: ReadonlyMap<string, number>,
  answers: ReadonlyMap<string, number>,
  history: readonly HistoryMessage[],
  violate: Violate,
): void {
  const { mark, acks, unknowns, refusals } = operation;
  const place = places.get(mark);
  const ids = new Set(acks.map(({ id }) => id));
  if (ids.size > 1) violate("two-ids", `#${mark} was acknowledged as ${[...ids].join(" and ")}`);
  if (acks.length > 0) {
    if (place === undefined) violate("lost", `#${mark} was acknowledged and is in no history`);
    else if (!answers.has(mark)) violate("lost", `#${mark} was acknowledged and is not answered`);
  } else if (unknowns.length === 0 && place !== undefined) {
    const wereAllBefore = refusals.every(
      ({ status, code }) => status === 0 || refusedBefore.has(code),
    );
    if (wereAllBefore) violate("refused-took-effect", `#${mark} was refused and is in the history`);
  }
  for (const { text } of operation.answers) {
    const at = answers.get(mark);
    const stored = at === undefined ? undefined : history[at]?.text;
    if (stored === undefined || !text.endsWith(stored)) {
      const heard = JSON.stringify(text.slice(0, 60));
      violate("told-otherwise", `#${mark}: told ${heard}, kept ${JSON.stringify(stored)}`);
    }
  }
}
