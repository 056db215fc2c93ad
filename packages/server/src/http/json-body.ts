import { isUtf8 } from "node:buffer";
import { HoldfastError, limits } from "@holdfast/core";

/**
 * The JSON value of a body; undefined for an empty one. Errors: `invalid_json`, `invalid_text` (a text
 * with U+0000 or a lone surrogate, escaped or not), `invalid_request` (nested too deep, `__proto__`).
 */
export function parseJsonBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) throw new HoldfastError("invalid_text", "The body is not well-formed UTF-8.");
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

interface Visit {
  readonly value: object;
  readonly depth: number;
  readonly path: string;
}

/** Walks without recursion: a hostile body must not exhaust the stack. */
function inspect(root: unknown, withTexts: boolean): void {
  if (withTexts && typeof root === "string") checkText(root, "");
  if (typeof root !== "object" || root === null) return;
  const open: Visit[] = [{ value: root, depth: 1, path: "" }];
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
      if (!isArray) checkKey(key, visit.path, withTexts);
      if (typeof child === "object" && child !== null) {
        open.push({ value: child, depth: visit.depth + 1, path: join(visit.path, key, isArray) });
      } else if (withTexts && typeof child === "string" && isBad(child)) {
        checkText(child, join(visit.path, key, isArray));
      }
    }
  }
}

function checkKey(key: string, path: string, withTexts: boolean): void {
  if (withTexts) checkText(key, path);
  if (key === "__proto__") {
    throw new HoldfastError("invalid_request", "A field may not be named __proto__.", {
      details: [{ path: join(path, key, false), message: "unknown field" }],
    });
  }
}

function isBad(text: string): boolean {
  return !text.isWellFormed() || text.includes("\0");
}

function checkText(text: string, path: string): void {
  if (!isBad(text)) return;
  const what = text.isWellFormed() ? "a NUL character (U+0000)" : "a lone surrogate";
  throw new HoldfastError("invalid_text", `A text holds ${what}.`, {
    details: [{ path, message: `holds ${what}` }],
  });
}

function join(path: string, key: string, isIndex: boolean): string {
  if (isIndex) return `${path}[${key}]`;
  return path === "" ? key : `${path}.${key}`;
}
