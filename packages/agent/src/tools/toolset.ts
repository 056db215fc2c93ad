import {
  type Agent,
  type AvailableTool,
  limits,
  type ToolDescriptor,
  type ToolList,
} from "@holdfast/core";
import { readSkill, skillTool } from "../workspace/skill-tool.ts";
import { type AgentToolsOptions, createAgentTools } from "./agent-tools.ts";
import { createHttpTool, type HttpToolOptions } from "./http-tool.ts";
import { createMcpSource } from "./mcp/mcp-tools.ts";
import type { McpPool } from "./mcp/pool.ts";
import type { BoundTool, SourceList, ToolSource } from "./tool-source.ts";

export interface ToolsetOptions extends AgentToolsOptions, HttpToolOptions {
  readonly memory: readonly BoundTool[];
  readonly pool: McpPool;
}

/** The tools of one declared agent, in the order of its declaration. */
export interface Toolset {
  current(): ToolList | Promise<ToolList>;
  /** One tool by its name; waits for no server that cannot have it. */
  find(name: string): Promise<BoundTool | undefined>;
}

const nothing: ToolList = Object.freeze({ tools: [], missing: [] });

export const emptyToolset: Toolset = {
  current: () => nothing,
  find: () => Promise.resolve(undefined),
};

export function createToolset(agent: Agent, options: ToolsetOptions): Toolset {
  const sources = (agent.tools ?? []).map((spec) => sourceOf(agent, spec, options));
  const skill = skillTool(agent);
  if (skill) sources.unshift(skillSource(agent, skill));
  if (sources.length === 0) return emptyToolset;
  let last: { lists: readonly SourceList[]; merged: ToolList } | undefined;
  const mergeOnce = (lists: readonly SourceList[]) => {
    const same = last?.lists.every((list, index) => list === lists[index]);
    if (last === undefined || same !== true) last = { lists, merged: merge(lists) };
    return last.merged;
  };
  return {
    current() {
      const lists = sources.map((source) => source.list());
      return allThere(lists) ? mergeOnce(lists) : all(lists).then(mergeOnce);
    },
    async find(name) {
      for (const source of sources) {
        if (!source.mayHave(name)) continue;
        const { tools } = await source.list();
        const tool = tools.find((candidate) => candidate.descriptor.name === name);
        if (tool !== undefined) return tool;
      }
      return undefined;
    },
  };
}

const all = (lists: readonly (SourceList | Promise<SourceList>)[]) =>
  Promise.all(lists.map((list) => Promise.resolve(list)));

function allThere(lists: readonly (SourceList | Promise<SourceList>)[]): lists is SourceList[] {
  return !lists.some((list) => list instanceof Promise);
}

function sourceOf(
  agent: Agent,
  spec: NonNullable<Agent["tools"]>[number],
  options: ToolsetOptions,
): ToolSource {
  switch (spec.type) {
    case "memory":
      return constant({ tools: options.memory, missing: [] });
    case "agents":
      return constant({ tools: createAgentTools(agent, spec.allow, options), missing: [] });
    case "http": {
      const tool = createHttpTool(spec, options);
      return constant(
        "fault" in tool ? { tools: [], missing: [tool.fault] } : { tools: [tool], missing: [] },
      );
    }
    case "mcp":
      return createMcpSource(agent.organization, spec, options.pool);
  }
}

/** Reading a skill of the workspace; it comes first, so that no other tool takes its name. */
function skillSource(agent: Agent, skill: ToolDescriptor): ToolSource {
  const tool: BoundTool = {
    descriptor: { ...skill, idempotent: true },
    onBrokenSchema: "refuse",
    run: async (args) => readSkill(agent, JSON.stringify(args)),
  };
  return constant({ tools: [tool], missing: [] });
}

function constant(list: SourceList): ToolSource {
  const names = new Set(list.tools.map((tool) => tool.descriptor.name));
  return { list: () => list, mayHave: (name) => names.has(name) };
}

/** The first of a name wins, and the first `limits.toolsPerAgent` are kept. */
function merge(lists: readonly SourceList[]): ToolList {
  const tools = new Map<string, AvailableTool>();
  const missing = lists.flatMap((list) => list.missing);
  let over = 0;
  for (const { descriptor } of lists.flatMap((list) => list.tools)) {
    const { name } = descriptor;
    if (tools.has(name)) missing.push(`A second tool of the name ${name} is left out.`);
    else if (tools.size === limits.toolsPerAgent) over++;
    else tools.set(name, descriptor);
  }
  if (over > 0) missing.push(`${over} tools are left out: an agent has ${limits.toolsPerAgent}.`);
  return { tools: [...tools.values()], missing };
}
