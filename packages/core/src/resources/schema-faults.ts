import type { z } from "zod";
import type { ErrorDetail } from "../errors.ts";

type Path = readonly PropertyKey[];

/** One detail per fault that zod found in `value`: where, and what was expected there. */
export function schemaFaults(error: z.core.$ZodError, value: unknown, at: string): ErrorDetail[] {
  return error.issues
    .flatMap((issue) => faultsOf(issue, value, []))
    .map(({ path, message }) => ({ path: pathText(at, path), message }));
}

/** `resources[3].tools[0].url`. */
function pathText(at: string, path: Path): string {
  return path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : `${text}.${String(part)}`),
    at,
  );
}

interface Fault {
  readonly path: Path;
  readonly message: string;
}

function faultsOf(issue: z.core.$ZodIssue, value: unknown, base: Path): Fault[] {
  const path = [...base, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], message: "unknown field" }));
  }
  if (issue.code === "invalid_union") return unionFaults(issue, value, path);
  if (issue.code === "invalid_type" && valueAt(value, path) === undefined) {
    return [{ path, message: `missing: expected ${issue.expected}` }];
  }
  const message = issue.message.replace(/^Invalid (input|option): /, "");
  return [{ path, message: message.charAt(0).toLowerCase() + message.slice(1) }];
}

/** The faults of the alternative that was meant, or what all of them expected. */
function unionFaults(issue: z.core.$ZodIssueInvalidUnion, value: unknown, path: Path): Fault[] {
  if (issue.discriminator !== undefined) {
    const options = "options" in issue ? (issue.options as unknown[]) : [];
    const found = valueAt(value, path);
    const what = found === undefined ? "missing" : `unknown ${issue.discriminator} ${shown(found)}`;
    return [{ path, message: `${what}: expected one of ${options.join(", ")}` }];
  }
  // An alternative that takes the value's type and finds faults inside it was meant.
  const meant = issue.errors.find((faults) => !faults.some(isOfAnotherType));
  if (meant) return meant.flatMap((inner) => faultsOf(inner, value, path));
  const expected = new Set(issue.errors.flatMap(expectedTypes));
  return [{ path, message: `expected ${[...expected].join(" or ")}` }];
}

function isOfAnotherType(issue: z.core.$ZodIssue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_union") return issue.errors.every((one) => one.some(isOfAnotherType));
  return issue.code === "invalid_type";
}

function expectedTypes(issues: readonly z.core.$ZodIssue[]): string[] {
  return issues.flatMap((issue) => {
    if (issue.code === "invalid_type") return [issue.expected];
    return issue.code === "invalid_union" ? issue.errors.flatMap(expectedTypes) : [];
  });
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === "object" && at !== null
        ? (at as Record<PropertyKey, unknown>)[part]
        : undefined,
    value,
  );
}

/** User text in a message is cut: it may be of any length. */
function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : `of type ${typeof value}`;
}
