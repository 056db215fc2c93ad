import { emailLimits } from "./limits.ts";

const dash = 0x2d;
const newline = 0x0a;
const longestBoundary = 200;

/** Lines of which too many are short for base64, whatever the mail holds. */
const certainlyTooMany =
  emailLimits.lines + Math.ceil(emailLimits.mailBytes / emailLimits.base64LineChars);

/** Spares the parser what only ends with `TooManyLines`. */
export function hasTooManyLines(source: Uint8Array): boolean {
  let lines = 0;
  for (let at = source.indexOf(newline); at >= 0; at = source.indexOf(newline, at + 1)) {
    lines += 1;
    if (lines > certainlyTooMany) return true;
  }
  return false;
}

/** The mail up to its `count`-th line. */
export function firstLines(source: Uint8Array, count: number): Uint8Array {
  let end = 0;
  for (let line = 0; line < count; line += 1) {
    const at = source.indexOf(newline, end);
    if (at < 0) return source;
    end = at + 1;
  }
  return source.subarray(0, end);
}

/**
 * About how many parts a mail has, counted before it is parsed: the lines that are one of the boundaries
 * named in it. Stops a little above the limit.
 */
export function countParts(source: Uint8Array): number {
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  const boundaries = new Set<string>();
  let parts = 0;
  for (let at = 0; at < bytes.length && parts <= emailLimits.parts; ) {
    const found = bytes.indexOf(newline, at);
    const end = found < 0 ? bytes.length : found;
    if (bytes[at] === dash && bytes[at + 1] === dash && end - at <= longestBoundary) {
      const line = bytes.toString("latin1", at + 2, end).trimEnd();
      if (boundaries.has(line)) parts += 1;
    } else if (boundaries.size < emailLimits.parts && end - at <= 4 * longestBoundary) {
      const named = /boundary\*?\d*\*?\s*=\s*(?:"([^"]+)"|([^\s;"]+))/i.exec(
        bytes.toString("latin1", at, end),
      );
      const boundary = named?.[1] ?? named?.[2];
      if (boundary !== undefined) boundaries.add(boundary);
    }
    at = end + 1;
  }
  return parts;
}
