import type { Cancel } from "@holdfast/core";

/** Timers in order of due time, then of creation: a binary heap. */
export interface TimerQueue {
  add(dueMs: number, run: () => void): Cancel;
  /** Takes out the first timer if it is due at `untilMs` or before. */
  takeDue(untilMs: number): Timer | undefined;
  isEmpty(): boolean;
}

export interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

interface Entry extends Timer {
  readonly order: number;
  cancelled: boolean;
}

export function createTimerQueue(): TimerQueue {
  const heap: Entry[] = [];
  let created = 0;

  /** A cancelled timer stays until it comes to the top. */
  function top(): Entry | undefined {
    while (heap[0]?.cancelled) removeTop(heap);
    return heap[0];
  }

  return {
    add(dueMs, run) {
      const entry: Entry = { dueMs, run, order: created++, cancelled: false };
      insert(heap, entry);
      return () => {
        entry.cancelled = true;
      };
    },
    takeDue(untilMs) {
      const first = top();
      if (!first || first.dueMs > untilMs) return undefined;
      removeTop(heap);
      return first;
    },
    isEmpty: () => top() === undefined,
  };
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function insert(heap: Entry[], entry: Entry): void {
  let hole = heap.length;
  heap.push(entry);
  while (hole > 0) {
    const parentAt = (hole - 1) >> 1;
    const parent = heap[parentAt] as Entry;
    if (!isBefore(entry, parent)) break;
    heap[hole] = parent;
    hole = parentAt;
  }
  heap[hole] = entry;
}

function removeTop(heap: Entry[]): void {
  const moved = heap.pop();
  if (!moved || heap.length === 0) return;
  let hole = 0;
  for (;;) {
    const left = 2 * hole + 1;
    const right = heap[left + 1];
    let child = heap[left];
    if (!child) break;
    let childAt = left;
    if (right && isBefore(right, child)) {
      child = right;
      childAt = left + 1;
    }
    if (!isBefore(child, moved)) break;
    heap[hole] = child;
    hole = childAt;
  }
  heap[hole] = moved;
}
