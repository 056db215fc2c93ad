import type { AgentContext } from "./agents.ts";
import { openClawId } from "./names.ts";
import type { RosterEntry } from "./roster.ts";
import type { Section } from "./section.ts";

/** `tools.agentToAgent`: whether agents may message each other, and which. */
export function readAgentToAgent(
  tools: Section | undefined,
  roster: readonly RosterEntry[],
): AgentContext["agentToAgent"] {
  const section = tools?.section("agentToAgent");
  const enabled = section?.boolean("enabled");
  const allow = section?.strings("allow");
  section?.rest("tools.agentToAgent", () => "it has no counterpart here");
  if (!section) return undefined;
  if (enabled !== true) {
    section.leave("enabled", "messages between agents", "they are switched off");
    if (allow) section.leave("allow", "messages between agents", "they are switched off");
    return undefined;
  }
  section.take("enabled", "messages between agents", "every agent gets the tool agents");
  if (!allow || allow.includes("*")) {
    if (allow) section.take("allow", "messages between agents", "to all agents");
    return { allow: undefined };
  }
  // OpenClaw compares these letter by letter, but with the ids that it has made fit.
  const names = new Map(roster.map(({ id, name }) => [openClawId(id), name]));
  const known = allow.flatMap((id) => names.get(id.trim()) ?? []);
  section.take("allow", "messages between agents", `to ${known.join(", ") || "none"}`);
  const unknown = allow.filter((id) => !names.has(id.trim()));
  if (unknown.length > 0) {
    section.leave("allow", "messages between agents", `no such agents: ${unknown.join(", ")}`);
  }
  return { allow: known };
}

/** Reports what of the top-level `tools` is used, and that the rest is not. */
export function leaveTools(tools: Section | undefined): void {
  for (const key of ["profile", "allow", "alsoAllow", "deny"]) {
    if (tools?.has(key))
      tools.take(key, "tool policy", "for MCP servers; OpenClaw's own tools do not exist here");
  }
  tools?.rest("tools", () => "OpenClaw's own tools do not exist here");
}
