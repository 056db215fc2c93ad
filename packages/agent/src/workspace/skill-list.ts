import type { Agent, Workspace } from "@holdfast/core";
import { beginning } from "./cut-text.ts";

type Skill = Workspace["skills"][number];

/** Characters of the whole list; descriptions shrink before a skill is left out. */
const listChars = 18_000;
const descriptionSteps = [1_000, 250, 80, 0];

export const skillToolName = "skill_read";

/** Skills that can be read at all: those offered to the model, and those that a person may name. */
export function readableSkills(agent: Agent): readonly Skill[] {
  return (agent.workspace?.skills ?? []).filter(
    (skill) => skill.modelInvocable !== false || skill.userInvocable !== false,
  );
}

/** The section about skills, with one line for each that is offered to the model. */
export function listSkills(agent: Agent): string | undefined {
  const readable = readableSkills(agent);
  if (readable.length === 0) return undefined;
  const offered = readable.filter((skill) => skill.modelInvocable !== false);
  const lines = ["# Skills", ""];
  if (offered.length > 0) {
    lines.push(
      `Skills are instructions for particular tasks. When a task fits one, read it with the tool ${skillToolName} before you begin, and follow it.`,
    );
  }
  if (offered.length < readable.length) {
    lines.push(
      `When a message names a skill as /name or $name, read it with ${skillToolName}, even one that is not listed.`,
    );
  }
  if (offered.length > 0) lines.push("", ...describe(offered));
  return lines.join("\n");
}

function describe(skills: readonly Skill[]): readonly string[] {
  for (const chars of descriptionSteps) {
    const lines = skills.map((skill) => line(skill, chars));
    if (lines.reduce((sum, text) => sum + text.length + 1, 0) <= listChars) return lines;
  }
  return skills.map((skill) => line(skill, 0));
}

function line(skill: Skill, chars: number): string {
  const description = skill.description.replace(/\s+/g, " ").trim();
  if (chars === 0 || description === "") return `- ${skill.name}`;
  if (description.length <= chars) return `- ${skill.name}: ${description}`;
  return `- ${skill.name}: ${beginning(description, chars)}...`;
}
