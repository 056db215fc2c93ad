import type { Section } from "./section.ts";

/** OpenClaw's tool policy, as far as it decides about tools of MCP servers. */
export interface ToolPolicy {
  readonly profile: string | undefined;
  readonly allow: readonly string[] | undefined;
  readonly deny: readonly string[];
}

/** Names that stand for every tool of every MCP server. */
const allServers = ["*", "bundle-mcp", "group:plugins"];

export function readToolPolicy(tools: Section | undefined): ToolPolicy {
  const allow = tools?.strings("allow");
  const also = tools?.strings("alsoAllow") ?? [];
  return {
    profile: tools?.string("profile"),
    allow: allow && [...allow, ...also],
    deny: tools?.strings("deny") ?? [],
  };
}

/**
 * What the policies (global and the agent's) leave of one server: everything, only some tools, or
 * nothing with the reason. What cannot be expressed is refused, never widened.
 */
export function serverAccess(
  server: string,
  policies: readonly ToolPolicy[],
): { readonly tools?: readonly string[] } | { readonly reason: string } {
  let tools: readonly string[] | undefined;
  for (const policy of policies) {
    const denied = policy.deny.find((entry) => concerns(entry, server));
    if (denied !== undefined) return { reason: `the tool policy denies ${denied}` };
    if (policy.profile === "minimal" && !policy.allow?.some((entry) => concerns(entry, server))) {
      return { reason: "the tool profile minimal has no MCP servers" };
    }
    if (!policy.allow || policy.allow.some((entry) => isWhole(entry, server))) continue;
    const named = policy.allow.filter((entry) => concerns(entry, server));
    if (named.length === 0) return { reason: "the tool policy's allow list does not name it" };
    if (named.some((entry) => entry.includes("*"))) {
      return { reason: `the tool policy allows it by a pattern: ${named.join(", ")}` };
    }
    const names = named.map((entry) => entry.slice(server.length + 2));
    tools = tools === undefined ? names : tools.filter((tool) => names.includes(tool));
  }
  if (tools?.length === 0) return { reason: "the tool policies leave none of its tools" };
  return tools ? { tools } : {};
}

function isWhole(entry: string, server: string): boolean {
  return allServers.includes(entry) || entry === `${server}__*` || entry === server;
}

function concerns(entry: string, server: string): boolean {
  if (isWhole(entry, server) || entry.startsWith(`${server}__`)) return true;
  const star = entry.indexOf("*");
  return star >= 0 && `${server}__`.startsWith(entry.slice(0, star));
}
