import { type ErrorCode, errorCatalog } from "@holdfast/core";
import { table } from "./table.ts";

const intro = `# Errors

<!-- Generated from packages/core/src/errors.ts by \`npm run docs:generate\`. Do not edit. -->

Whatever goes wrong, Holdfast answers with one stable code. Programs decide by the code, people read
the message beside it; the message may change between versions, the code does not.

The API answers with this body; the command line prints \`error[code]: message\`. The
OpenAI-compatible addresses put the code into \`error.code\` of OpenAI's own shape.

\`\`\`json
{ "error": { "code": "agent_not_found", "message": "...", "details": [], "retry": "never", "requestId": "..." } }
\`\`\`

**Retry** says what repeating the same request means:

- \`never\`: it fails again in the same way. Change the request, or what it refers to.
- \`safe\`: nothing took effect. Try again, after the seconds of \`Retry-After\` where it is given.
- \`unknown-outcome\`: it may have taken effect. Read first, or repeat with the same
  \`Idempotency-Key\`, which takes effect once.
`;

/** The page; `source` is the catalog's text, whose line comments name the groups. */
export function errorsPage(source: string): string {
  const parts = groupsOf(source).map(
    ({ title, codes }) =>
      `## ${title}\n\n${table(["Code", "HTTP", "Retry", "Meaning", "What to do"], codes.map(row))}`,
  );
  return [intro, ...parts].join("\n");
}

function row(code: ErrorCode): string[] {
  const { status, retry, meaning, remedy } = errorCatalog[code];
  return [`<a id="${code}"></a>\`${code}\``, String(status), retry, meaning, remedy];
}

interface Group {
  readonly title: string;
  readonly codes: ErrorCode[];
}

/** A comment line of its own inside the catalog opens a group; every code must fall into one. */
function groupsOf(source: string): Group[] {
  const groups: Group[] = [];
  for (const [, title, key] of source.matchAll(/^ {2}(?:\/\/ (.+)|(\w+): \{)$/gm)) {
    if (title !== undefined) groups.push({ title, codes: [] });
    else if (isErrorCode(key)) groups.at(-1)?.codes.push(key);
  }
  const found = groups.flatMap((group) => group.codes);
  const missing = Object.keys(errorCatalog).filter((code) => !found.some((one) => one === code));
  if (missing.length > 0) throw new Error(`no group holds the codes ${missing.join(", ")}`);
  return groups;
}

function isErrorCode(key: string | undefined): key is ErrorCode {
  return key !== undefined && Object.hasOwn(errorCatalog, key);
}
