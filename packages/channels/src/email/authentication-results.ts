import { emailLimits } from "./limits.ts";

/** One `method=result` with what it is about: `{ method: "spf", result: "pass", "smtp.mailfrom": "a@b" }`. */
export interface AuthenticationResult {
  readonly method: string;
  readonly result: string;
  /** By `ptype.property`, the first of each. */
  readonly properties: ReadonlyMap<string, string>;
}

export interface AuthenticationResults {
  /** The server that says so. */
  readonly server: string;
  readonly results: readonly AuthenticationResult[];
}

/**
 * Reads an Authentication-Results header (RFC 8601), all in lower case. Quoted strings hold words that the
 * sender chose, and comments may: neither separates or names anything. Undefined for what is none, and for a
 * header of which nobody knows where its words belong: a quotation or comment does not end, a comment ends that
 * did not begin, or a comment holds a bare quotation mark, as behind one the sender may have written parentheses.
 */
export function parseAuthenticationResults(header: string): AuthenticationResults | undefined {
  if (header.length > emailLimits.authenticationResultsChars) return undefined;
  const [first, ...parts] = partsOf(header.toLowerCase()) ?? [];
  const server = first?.trim().split(/\s+/)[0];
  if (server === undefined || server === "") return undefined;
  return { server, results: parts.flatMap(parseResult) };
}

/** A value may stand apart from its "=", unless that word is the next pair; base64 has a "=" of its own. */
const pair = /(?<!\S)([^\s=]+)\s*=(?:\s*([^\s=]*)(?!\S)|(\S*))/g;

function parseResult(part: string): AuthenticationResult[] {
  const pairs = [...part.trim().matchAll(pair)];
  const [first, ...rest] = pairs.map(([, name = "", apart, value = ""]) => ({
    name,
    value: apart ?? value,
  }));
  // Words before the first pair are of no method.
  if (first === undefined || pairs[0]?.index !== 0) return [];
  const properties = new Map<string, string>();
  for (const { name, value } of rest) if (!properties.has(name)) properties.set(name, value);
  // A method may tell its version: "dkim/1".
  const [method = ""] = first.name.split("/", 1);
  return [{ method, result: first.value, properties }];
}

/**
 * The header cut at its semicolons, without comments and quotation marks. Of what was quoted only characters of
 * words are kept: what else it holds is no separator.
 */
function partsOf(header: string): string[] | undefined {
  const parts = [""];
  let depth = 0;
  let isQuoted = false;
  const keep = (text: string) => parts.push(`${parts.pop() ?? ""}${text}`);
  for (const [token] of header.matchAll(/\\[\s\S]|[^\\"();]+|[\s\S]/g)) {
    if (depth > 0) {
      if (token === '"') return undefined;
      if (token === "(") depth += 1;
      if (token === ")") depth -= 1;
    } else if (token === '"') isQuoted = !isQuoted;
    else if (isQuoted) keep(token.replace(/^\\/, "").replace(/[^\w.@+-]/g, "_"));
    else if (token === "(") {
      depth = 1;
      keep(" ");
    } else if (token === ";") parts.push("");
    else if (token === ")" || token.startsWith("\\")) return undefined;
    else keep(token);
  }
  return isQuoted || depth > 0 ? undefined : parts;
}
