import type { Agent } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { composeInstructions } from "./instructions.ts";
import { readSkill, skillTool } from "./skill-tool.ts";

const agent: Agent = {
  kind: "Agent",
  organization: "demo",
  name: "ada",
  displayName: "Ada",
  description: "A careful helper.",
  instructions: "Answer in one sentence.",
  model: "default",
  workspace: {
    files: [
      { path: "AGENTS.md", text: "rules" },
      { path: "SOUL.md", text: "soul" },
    ],
    skills: [
      { name: "weather", description: "Tells\nthe weather.", text: "Look out." },
      { name: "deploy", description: "Deploys.", text: "Push.", modelInvocable: false },
      { name: "hidden", description: "", text: "x", modelInvocable: false, userInvocable: false },
    ],
  },
};

describe("instructions", () => {
  test("name the agent, then its instructions, files and skills", () => {
    const text = composeInstructions(agent);
    expect(text).toMatch(
      /^You are Ada\. A careful helper\.\n\nAnswer in one sentence\.\n\n# Workspace file: AGENTS\.md\n\nrules\n\n# Workspace file: SOUL\.md\n\nsoul\n\n# Skills\n/,
    );
    expect(text).toContain("- weather: Tells the weather.");
    expect(text).not.toContain("- deploy");
    expect(text).not.toContain("hidden");
    expect(composeInstructions(agent)).toBe(text);
    expect(composeInstructions(structuredClone(agent))).toBe(text);
  });

  test("an agent with nothing but a name gets one line", () => {
    const bare: Agent = { kind: "Agent", organization: "demo", name: "ada", model: "default" };
    expect(composeInstructions(bare)).toBe("You are ada.");
    expect(skillTool(bare)).toBeUndefined();
  });

  test("many skills with long descriptions stay a short list that names them all", () => {
    const skills = Array.from({ length: 200 }, (_, index) => ({
      name: `skill-${index}`,
      description: "😀".repeat(2_000),
      text: "",
    }));
    const text = composeInstructions({ ...agent, workspace: { files: [], skills } });
    expect(text.length).toBeLessThan(20_000);
    expect(text).toContain("skill-199");
    expect(text.isWellFormed()).toBe(true);
  });
});

describe("skill_read", () => {
  test("gives the text of a skill, by its name or as a person writes it", () => {
    expect(skillTool(agent)?.name).toBe("skill_read");
    expect(skillTool(agent)).toBe(skillTool(agent));
    expect(readSkill(agent, '{"name":"weather"}')).toEqual({ text: "Look out.", isError: false });
    expect(readSkill(agent, '{"name":"/Deploy"}')).toEqual({ text: "Push.", isError: false });
  });

  test("tells the model what was wrong", () => {
    expect(readSkill(agent, "{nonsense")).toMatchObject({
      isError: true,
      code: "tool_arguments_invalid",
    });
    expect(readSkill(agent, "null")).toMatchObject({ code: "tool_arguments_invalid" });
    expect(readSkill(agent, '{"name":5}')).toMatchObject({ code: "tool_arguments_invalid" });
    const unknown = readSkill(agent, '{"name":"hidden"}');
    expect(unknown).toMatchObject({ isError: true, code: "tool_failed" });
    expect(unknown.text).toContain("Skills: weather.");
  });
});
