import type { Agent } from "@holdfast/core";
import { listSkills } from "./skill-list.ts";

const composed = new WeakMap<Agent, string>();

/**
 * What the model reads before a conversation: who it is, the agent's instructions, the workspace's
 * files in their order, and the list of its skills. The same agent always gives the same text, so that
 * providers can cache it.
 */
export function composeInstructions(agent: Agent): string {
  const known = composed.get(agent);
  if (known !== undefined) return known;
  const text = compose(agent);
  composed.set(agent, text);
  return text;
}

function compose(agent: Agent): string {
  const parts = [identity(agent)];
  if (agent.instructions) parts.push(agent.instructions.trim());
  for (const file of agent.workspace?.files ?? []) {
    parts.push(`# Workspace file: ${file.path}\n\n${file.text.trim()}`);
  }
  const skills = listSkills(agent);
  if (skills !== undefined) parts.push(skills);
  return parts.filter((part) => part !== "").join("\n\n");
}

function identity(agent: Agent): string {
  const name = agent.displayName ?? agent.name;
  const description = agent.description?.trim();
  return description ? `You are ${name}. ${description}` : `You are ${name}.`;
}
