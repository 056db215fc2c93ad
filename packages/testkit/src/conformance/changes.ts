import { expect } from "vitest";

/** A change of a key: `key=what was written`, or `key gone`. Keys here hold no equals sign. */
export type ChangeLine = string;

/**
 * Fails unless a watch saw these changes, in this order. It may leave out a change that a later one of the
 * same key replaced before it was handed over, and may tell of the delete of a key that it never gave.
 */
export function expectChanges(found: readonly ChangeLine[], wanted: readonly ChangeLine[]): void {
  const told = withoutEmptyDeletes(found);
  expect(notInOrder(told, wanted), "changes that never were, or not in this order").toEqual([]);
  expect(stateAfter(told), "the state that the changes lead to").toEqual(stateAfter(wanted));
}

function notInOrder(found: readonly ChangeLine[], wanted: readonly ChangeLine[]): ChangeLine[] {
  let next = 0;
  return found.filter((line) => {
    const at = wanted.indexOf(line, next);
    if (at >= 0) next = at + 1;
    return at < 0;
  });
}

function withoutEmptyDeletes(lines: readonly ChangeLine[]): ChangeLine[] {
  const there = new Set<string>();
  return lines.filter((line) => {
    if (isGone(line)) return there.delete(keyOf(line));
    there.add(keyOf(line));
    return true;
  });
}

/** The last line of each key that is there, in the order in which they were written. */
function stateAfter(lines: readonly ChangeLine[]): ChangeLine[] {
  const state = new Map<string, ChangeLine>();
  for (const line of lines) {
    state.delete(keyOf(line));
    if (!isGone(line)) state.set(keyOf(line), line);
  }
  return [...state.values()];
}

function isGone(line: ChangeLine): boolean {
  return !line.includes("=");
}

function keyOf(line: ChangeLine): string {
  return line.split(/[= ]/, 1)[0] ?? "";
}
