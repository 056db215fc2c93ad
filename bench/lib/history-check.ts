import type { ApiClient } from "./api-client.ts";
import { eachOf } from "./pool.ts";

/** What a conversation must hold: ids of messages in the order in which they were acknowledged. */
export interface Expected {
  readonly path: string;
  readonly ids: readonly string[];
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
    const faults = compare(expected.ids, found);
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

/** Questions and answers alternate, in the order of the ids. */
export function compare(
  ids: readonly string[],
  found: readonly string[],
): { lost: number; doubled: number; reordered: number; strange: number } {
  const wanted = ids.flatMap((id) => [id, `re:${id}`]);
  const counts = new Map<string, number>();
  for (const mark of found) counts.set(mark, (counts.get(mark) ?? 0) + 1);
  const known = new Set(wanted);
  const lost = wanted.filter((mark) => !counts.has(mark)).length;
  const doubled = [...counts].filter(([mark, count]) => known.has(mark) && count > 1).length;
  const strange = found.filter((mark) => !known.has(mark)).length;
  const once = [...new Set(found.filter((mark) => known.has(mark)))];
  const present = wanted.filter((mark) => counts.has(mark));
  const reordered = once.some((mark, index) => mark !== present[index]) ? 1 : 0;
  return { lost, doubled, reordered, strange };
}

export function isClean({ lost, doubled, reordered, strange }: CheckResult): boolean {
  return lost + doubled + reordered + strange === 0;
}
