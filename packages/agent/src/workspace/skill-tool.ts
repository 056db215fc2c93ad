import type { Agent, ToolDescriptor, ToolResult } from "@holdfast/core";
import { readableSkills, skillToolName } from "./skill-list.ts";

const descriptors = new WeakMap<Agent, ToolDescriptor>();

/** The tool with which the model reads a skill; undefined when the agent has none. It changes nothing. */
export function skillTool(agent: Agent): ToolDescriptor | undefined {
  if (readableSkills(agent).length === 0) return undefined;
  const known = descriptors.get(agent);
  if (known) return known;
  const descriptor: ToolDescriptor = {
    name: skillToolName,
    description: "Reads the full text of one of your skills.",
    parameters: {
      type: "object",
      properties: { name: { type: "string", description: "The skill's name, as listed." } },
      required: ["name"],
      additionalProperties: false,
    },
  };
  descriptors.set(agent, descriptor);
  return descriptor;
}

/** Runs `skill_read`. What the model did wrong is a result with `isError`. */
export function readSkill(agent: Agent, argumentsJson: string): ToolResult {
  const name = skillName(argumentsJson);
  if (name === undefined) {
    return failure("tool_arguments_invalid", 'Expected {"name": "<the name of a skill>"}.');
  }
  const wanted = name.replace(/^[$/]/, "");
  const skills = readableSkills(agent);
  const skill =
    skills.find((entry) => entry.name === wanted) ??
    skills.find((entry) => entry.name.toLowerCase() === wanted.toLowerCase());
  if (skill) return { text: skill.text, isError: false };
  const names = skills.filter((entry) => entry.modelInvocable !== false).map((entry) => entry.name);
  return failure(
    "tool_failed",
    `There is no skill ${JSON.stringify(wanted.slice(0, 100))}. Skills: ${names.join(", ") || "none"}.`,
  );
}

function skillName(argumentsJson: string): string | undefined {
  try {
    const value: unknown = JSON.parse(argumentsJson);
    if (typeof value !== "object" || value === null || !("name" in value)) return undefined;
    const { name } = value;
    return typeof name === "string" && name.trim() !== "" ? name.trim() : undefined;
  } catch {
    return undefined;
  }
}

function failure(code: string, text: string): ToolResult {
  return { text, isError: true, code };
}
