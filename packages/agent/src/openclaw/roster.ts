import type { ErrorDetail } from "@holdfast/core";
import type { Names } from "./names.ts";
import { type Findings, isObject, Section } from "./section.ts";

/** One agent of the configuration, whichever form it was declared in. */
export interface RosterEntry {
  readonly id: string;
  readonly name: string;
  readonly section: Section;
  readonly isDefault: boolean;
}

/** What OpenClaw calls its agent when none is declared. */
const onlyAgent = "main";

/** The agents of `agents.entries` and of the older `agents.list`, with their Holdfast names. */
export function readRoster(
  agents: Section | undefined,
  names: Names,
  findings: Findings,
): readonly RosterEntry[] {
  const declared = [...readEntries(agents), ...readList(agents, findings)];
  if (declared.length === 0 && findings.errors.length === 0) {
    const section = new Section({}, `agents.entries.${onlyAgent}`, findings);
    findings.notes.take(
      `agent ${onlyAgent}`,
      "agents",
      "no agent is declared: OpenClaw then has one of this name",
    );
    declared.push({ id: onlyAgent, section });
  }
  const roster: RosterEntry[] = [];
  for (const { id, section } of declared) {
    const name = names.add(id, section.path);
    const isDefault = section.boolean("default") === true;
    if (name === undefined) continue;
    const renamed = name === id ? "" : `, renamed from ${JSON.stringify(id)}`;
    findings.notes.take(`agent ${id}`, section.path, `as Agent ${name}${renamed}`);
    if (isDefault) {
      section.leave(
        "default",
        `default of agent ${id}`,
        "it takes what no binding of an account takes; through the API, messages name their agent",
      );
    }
    roster.push({ id, name, section, isDefault });
  }
  return roster;
}

function readEntries(agents: Section | undefined): { id: string; section: Section }[] {
  const entries = agents?.section("entries");
  const found: { id: string; section: Section }[] = [];
  for (const id of entries?.keys() ?? []) {
    const section = entries?.section(id);
    if (section) found.push({ id, section });
  }
  return found;
}

function readList(
  agents: Section | undefined,
  findings: Findings,
): { id: string; section: Section }[] {
  const found: { id: string; section: Section }[] = [];
  for (const [index, value] of (agents?.list("list") ?? []).entries()) {
    const path = `agents.list[${index}]`;
    if (!isObject(value)) {
      findings.errors.push({ path, message: "expected an object" } satisfies ErrorDetail);
      continue;
    }
    const section = new Section(value, path, findings);
    const id = section.string("id");
    if (id === undefined) {
      if (!section.has("id")) section.wrong("id", "the agent's id");
    } else found.push({ id, section });
  }
  return found;
}
