import { createHash } from "node:crypto";

/** What model providers take as a tool's name. */
const longestName = 64;

/**
 * `<server>__<tool>` as model providers accept it: other characters become `_`, and a name that was
 * changed or is too long ends in a hash of the real one, so that two tools never become one.
 */
export function exposedName(server: string, tool: string): string {
  const clean = tool.replace(/[^A-Za-z0-9_-]/g, "_");
  const name = `${namePrefix(server)}${clean}`;
  if (clean === tool && name.length <= longestName) return name;
  const hash = createHash("sha256").update(tool).digest("hex").slice(0, 8);
  return `${name.slice(0, longestName - hash.length - 1)}_${hash}`;
}

/** What the names of all tools of a server begin with. */
export function namePrefix(server: string): string {
  return `${server}__`;
}
