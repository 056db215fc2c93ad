import { isUtf8 } from "node:buffer";
import { HoldfastError, limits } from "@holdfast/core";

/**
 * The JSON value of a body; undefined for an empty one. Errors: `invalid_json`, `invalid_text` (a text
 * with U+0000 or a lone surrogate, escaped or not), `invalid_request` (nested too deep, `__proto__`),
 * `payload_too_large` (too many values).
 */
export function parseJsonBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) throw new HoldfastError("invalid_text", "The body is not well-formed UTF-8.");
  limitValues(body);
  const text = body.toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    // The engine's own message repeats the body, which may hold what must not stand in a log.
    throw new HoldfastError("invalid_json", `The body is not valid JSON${place(cause)}.`);
  }
  // In well-formed UTF-8 only an escape can bring a lone surrogate or, raw NUL being no JSON, a NUL.
  inspect(value, text.includes("\\u"));
  return value;
}

function place(cause: unknown): string {
  const found = cause instanceof Error ? /line (\d+) column (\d+)/.exec(cause.message) : null;
  return found ? ` (line ${found[1]}, column ${found[2]})` : "";
}

/**
 * Before it is parsed, as many small values take far more time and memory than their bytes. Each value stands
 * behind a comma or at the beginning of an array or an object. Errors: `payload_too_large`.
 */
function limitValues(body: Buffer): void {
  let values = 1;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (byte === bytes.quote) at = endOfString(body, at);
    else if (byte === bytes.comma || byte === bytes.bracket || byte === bytes.brace) values += 1;
  }
  if (values <= limits.jsonValues) return;
  throw new HoldfastError(
    "payload_too_large",
    `The body holds about ${values} values; the limit is ${limits.jsonValues}.`,
  );
}

const bytes = { quote: 0x22, comma: 0x2c, bracket: 0x5b, backslash: 0x5c, brace: 0x7b } as const;

function endOfString(body: Buffer, start: number): number {
  for (let at = start + 1; at < body.length; at += 1) {
    if (body[at] === bytes.quote) return at;
    if (body[at] === bytes.backslash) at += 1;
  }
  return body.length;
}

interface Visit {
  readonly value: object;
  readonly depth: number;
  readonly parent: Visit | undefined;
  /** Where it stands in its parent. */
  readonly key: string;
}

/** Walks without recursion: a hostile body must not exhaust the stack. */
function inspect(root: unknown, withTexts: boolean): void {
  if (withTexts && typeof root === "string") checkText(root, undefined, "");
  if (typeof root !== "object" || root === null) return;
  const open: Visit[] = [{ value: root, depth: 1, parent: undefined, key: "" }];
  for (let visit = open.pop(); visit; visit = open.pop()) {
    if (visit.depth > limits.jsonDepth) {
      throw new HoldfastError(
        "invalid_request",
        `The body is nested over ${limits.jsonDepth} deep.`,
      );
    }
    const isArray = Array.isArray(visit.value);
    for (const key in visit.value) {
      const child = (visit.value as Record<string, unknown>)[key];
      if (!isArray) checkKey(key, visit, withTexts);
      if (typeof child === "object" && child !== null) {
        open.push({ value: child, depth: visit.depth + 1, parent: visit, key });
      } else if (withTexts && typeof child === "string") {
        checkText(child, visit, key);
      }
    }
  }
}

function checkKey(key: string, visit: Visit, withTexts: boolean): void {
  if (withTexts) checkText(key, visit.parent, visit.key);
  if (key === "__proto__") {
    throw new HoldfastError("invalid_request", "A field may not be named __proto__.", {
      details: [{ path: pathOf(visit, key), message: "unknown field" }],
    });
  }
}

function checkText(text: string, visit: Visit | undefined, key: string): void {
  if (!isBad(text)) return;
  const what = text.isWellFormed() ? "a NUL character (U+0000)" : "a lone surrogate";
  throw new HoldfastError("invalid_text", `A text holds ${what}.`, {
    details: [{ path: pathOf(visit, key), message: `holds ${what}` }],
  });
}

function isBad(text: string): boolean {
  return !text.isWellFormed() || text.includes("\0");
}

/** `messages[2].content`; made only for a fault, as most bodies have none. */
function pathOf(visit: Visit | undefined, key: string): string {
  if (visit === undefined) return key;
  const before = pathOf(visit.parent, visit.key);
  if (Array.isArray(visit.value)) return `${before}[${key}]`;
  return before === "" ? key : `${before}.${key}`;
}
