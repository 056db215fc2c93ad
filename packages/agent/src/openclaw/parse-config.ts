import { type ErrorDetail, HoldfastError } from "@holdfast/core";
import JSON5 from "json5";
import { isList, isObject, type Json } from "./section.ts";

export const configLimits = {
  fileBytes: 4 * 1024 * 1024,
  includeDepth: 10,
  includes: 100,
  nesting: 64,
} as const;

/** One error that lists all that is wrong. */
export function refuse(found: readonly ErrorDetail[]): never {
  const byText = new Map(found.map((error) => [`${error.path}\n${error.message}`, error]));
  const errors = [...byText.values()];
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  throw new HoldfastError(
    "import_refused",
    `The OpenClaw configuration cannot be imported: ${first?.path}: ${first?.message}${more}.`,
    { details: errors },
  );
}

/** Parses JSON5 of bounded depth. Errors: `import_refused` with line and column. */
export function parseConfig(text: string, name: string): Json {
  try {
    const value: Json = JSON5.parse(text);
    checkNesting(value);
    return value;
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    const fault = syntaxFault(error);
    const what = fault.message.replace(/^JSON5: /, "").replace(/ at \d+:\d+$/, "");
    const line = fault.lineNumber ?? 1;
    const message = `is not JSON5: ${what} at line ${line}, column ${fault.columnNumber ?? 1}`;
    // No cause: the text around the place may be a secret.
    throw new HoldfastError("import_refused", `${name} ${message}.`, {
      details: [{ path: name, message, line }],
    });
  }
}

function checkNesting(root: Json): void {
  let level: readonly Json[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > configLimits.nesting) {
      const reason = `is nested deeper than ${configLimits.nesting} levels`;
      throw new HoldfastError("import_refused", `The OpenClaw configuration ${reason}.`);
    }
    level = level.flatMap((value) =>
      isObject(value) ? Object.values(value) : isList(value) ? value : [],
    );
  }
}

/** What JSON5 puts on its errors: 1-based line and column. */
function syntaxFault(error: unknown): {
  message: string;
  lineNumber?: number;
  columnNumber?: number;
} {
  if (error instanceof Error) return error;
  return { message: String(error) };
}
