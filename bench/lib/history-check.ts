import type { ApiClient } from "./api-client.ts";
import { eachOf } from "./pool.ts";

/** What a conversation must hold: ids of messages in the order in which they were acknowledged. */
export interface Expected {
  readonly path: string;
  readonly ids: readonly string[];
  /** Of these: never acknowledged, so they may be missing, and their place is not known. */
  readonly unsure?: ReadonlySet<string>;
  /** Of these: sent while another was under way, so the order of the acknowledgements is not known. */
  readonly overlapping?: ReadonlySet<string>;
}

export interface CheckResult {
  readonly conversations: number;
  readonly messages: number;
  /** Messages, or their answers, that are missing; that stand twice; conversations out of order. */
  readonly lost: number;
  readonly doubled: number;
  readonly reordered: number;
  /** Messages and answers that belong to nothing that was sent. */
  readonly strange: number;
  /** Paths of some conversations that are wrong. */
  readonly examples: readonly string[];
}

const namedExamples = 5;

/** Reads all histories and compares each with the record of what was sent. */
export async function checkHistories(
  api: ApiClient,
  conversations: readonly Expected[],
): Promise<CheckResult> {
  const total = { messages: 0, lost: 0, doubled: 0, reordered: 0, strange: 0 };
  const examples: string[] = [];
  await eachOf(conversations.length, 32, async (number) => {
    const expected = conversations[number];
    if (!expected) return;
    const found = (await api.history(expected.path)).map(({ role, text }) => markOf(role, text));
    const faults = compare(expected.ids, found, expected.unsure, expected.overlapping);
    total.messages += expected.ids.length;
    for (const name of ["lost", "doubled", "reordered", "strange"] as const) {
      total[name] += faults[name];
    }
    const isWrong = Object.values(faults).some((count) => count > 0);
    if (isWrong && examples.length < namedExamples) examples.push(expected.path);
  });
  return { conversations: conversations.length, ...total, examples };
}

/** `ID` of a question, `re:ID` of its answer. */
function markOf(role: string, text: string): string {
  const pattern = role === "user" ? /^#(\S+) / : /^(re:\S+)/;
  return pattern.exec(text)?.[1] ?? `?${role}`;
}

const none: ReadonlySet<string> = new Set();

/** Questions and answers alternate, in the order of the ids; what arrived must be answered. */
export function compare(
  ids: readonly string[],
  found: readonly string[],
  unsure: ReadonlySet<string> = none,
  overlapping: ReadonlySet<string> = none,
): { lost: number; doubled: number; reordered: number; strange: number } {
  const counts = new Map<string, number>();
  for (const mark of found) counts.set(mark, (counts.get(mark) ?? 0) + 1);
  const due = ids.filter((id) => !unsure.has(id) || counts.has(id));
  const wanted = due.flatMap((id) => [id, `re:${id}`]);
  const known = new Set(wanted);
  const lost = wanted.filter((mark) => !counts.has(mark)).length;
  const doubled = [...counts].filter(([mark, count]) => known.has(mark) && count > 1).length;
  const strange = found.filter((mark) => !known.has(mark)).length;
  const ordered = due.filter((id) => !unsure.has(id) && !overlapping.has(id));
  const marks = new Set(ordered.flatMap((id) => [id, `re:${id}`]));
  const once = [...new Set(found.filter((mark) => marks.has(mark)))];
  const present = [...marks].filter((mark) => counts.has(mark));
  const reordered = once.some((mark, index) => mark !== present[index]) ? 1 : 0;
  return { lost, doubled, reordered, strange };
}

export function isClean({ lost, doubled, reordered, strange }: CheckResult): boolean {
  return lost + doubled + reordered + strange === 0;
}
