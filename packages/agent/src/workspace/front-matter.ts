import { parseDocument } from "yaml";

export type FrontMatter =
  | {
      readonly type: "found";
      readonly fields: Readonly<Record<string, unknown>>;
      readonly body: string;
      /** Why the block is not YAML, when its plain `key: value` lines had to do. */
      readonly fault?: string;
    }
  | { readonly type: "absent" }
  | { readonly type: "broken"; readonly reason: string };

/**
 * Splits `---` front matter from a text. A block that is not YAML is read line by line, as OpenClaw
 * does: an unquoted colon in a description is the usual fault.
 */
export function parseFrontMatter(text: string, maxBytes: number): FrontMatter {
  if (!/^---[ \t]*\n/.test(text)) return { type: "absent" };
  const start = text.indexOf("\n") + 1;
  const end = /^---[ \t]*$/m.exec(text.slice(start));
  if (!end) return { type: "broken", reason: "its front matter has no closing ---" };
  const block = text.slice(start, start + end.index);
  if (Buffer.byteLength(block) > maxBytes) {
    return { type: "broken", reason: `its front matter is over ${maxBytes} bytes` };
  }
  const body = text.slice(start + end.index + end[0].length).replace(/^\n+/, "");
  const yaml = parseYaml(block);
  if ("fields" in yaml) return { type: "found", fields: yaml.fields, body };
  const lines = parseLines(block);
  if (lines === undefined) {
    return { type: "broken", reason: `its front matter is not YAML: ${yaml.fault}` };
  }
  return { type: "found", fields: lines, body, fault: yaml.fault };
}

function parseYaml(block: string): { fields: Record<string, unknown> } | { fault: string } {
  try {
    const document = parseDocument(block, { logLevel: "silent", prettyErrors: true });
    const [error] = document.errors;
    // One line behind the opening ---.
    if (error) return { fault: `${firstLine(error.message)}${lineOf(error.linePos?.[0].line)}` };
    const value: unknown = document.toJS({ maxAliasCount: 50 });
    if (value === null || value === undefined) return { fields: {} };
    if (typeof value === "object" && !Array.isArray(value)) return { fields: { ...value } };
    return { fault: "expected keys and values" };
  } catch (error) {
    return { fault: firstLine(error instanceof Error ? error.message : String(error)) };
  }
}

function lineOf(line: number | undefined): string {
  return line === undefined ? "" : ` (line ${line + 1} of the file)`;
}

function firstLine(message: string): string {
  return (message.split("\n")[0] ?? "").replace(/( at line \d+, column \d+)?:?$/, "");
}

/** Top-level `key: value` lines; undefined when neither a name nor a description is among them. */
function parseLines(block: string): Record<string, string> | undefined {
  const fields: Record<string, string> = {};
  for (const line of block.split("\n")) {
    const match = /^([A-Za-z][A-Za-z0-9_-]{0,63}):[ \t]+(\S.*)$/.exec(line);
    const [, key, value] = match ?? [];
    if (key === undefined || value === undefined || key in fields) continue;
    fields[key] = value.trim().replace(/^(["'])(.*)\1$/, "$2");
  }
  return "name" in fields || "description" in fields ? fields : undefined;
}
