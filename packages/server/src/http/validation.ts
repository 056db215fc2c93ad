import { type ErrorDetail, HoldfastError, limits } from "@holdfast/core";
import type { FastifySchemaCompiler } from "fastify";
import type { z } from "zod";

const names: Record<string, string> = {
  body: "The body",
  querystring: "The query",
  params: "The address",
  headers: "The headers",
};

/** Checks with zod, and names at once what is wrong. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const what = names[httpPart ?? "body"] ?? "The request";
  return (data: unknown) => {
    const result = schema.safeParse(data);
    if (result.success) return { value: result.data };
    return { error: invalidRequest(what, describeIssues(result.error)) };
  };
};

export function invalidRequest(what: string, details: readonly ErrorDetail[]): HoldfastError {
  const named = details.slice(0, limits.requestFaultsNamed);
  return new HoldfastError("invalid_request", `${what} has ${countText(details.length)}.`, {
    details: named,
  });
}

function countText(faults: number): string {
  if (faults > limits.requestFaultsNamed) return `over ${limits.requestFaultsNamed} faults`;
  return faults === 1 ? "one fault" : `${faults} faults`;
}

/** One detail per fault; of a union, the faults of the variant that came closest. One more than is named. */
function describeIssues(error: z.core.$ZodError): ErrorDetail[] {
  const details: ErrorDetail[] = [];
  for (const issue of error.issues) {
    for (const detail of describe(issue, [])) {
      details.push(detail);
      if (details.length > limits.requestFaultsNamed) return details;
    }
  }
  return details;
}

function* describe(
  issue: z.core.$ZodIssue,
  prefix: readonly PropertyKey[],
): Generator<ErrorDetail, void, undefined> {
  const path = [...prefix, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) {
      yield { path: pathText([...path, key]), message: "unknown field" };
    }
    return;
  }
  const closest = issue.code === "invalid_union" ? closestVariant(issue.errors) : undefined;
  if (closest) for (const inner of closest) yield* describe(inner, path);
  else yield { path: pathText(path), message: messageOf(issue) };
}

/** The variant whose faults lie deepest: the others failed on the outer type already. */
function closestVariant(
  variants: readonly (readonly z.core.$ZodIssue[])[],
): readonly z.core.$ZodIssue[] | undefined {
  return variants
    .filter((issues) => issues.length > 0)
    .map((issues) => ({ issues, depth: depthOf(issues) }))
    .toSorted((a, b) => b.depth - a.depth || a.issues.length - b.issues.length)[0]?.issues;
}

function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce(
    (most, { path, code }) => Math.max(most, path.length + (code === "invalid_type" ? 0 : 1)),
    0,
  );
}

function messageOf(issue: z.core.$ZodIssue): string {
  return issue.message.replace(/^Invalid input: /, "").replace(/^Invalid option: /, "");
}

/** `messages[2].content`, as people write it. */
function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? String(part) : `.${String(part)}`;
  }
  return text;
}
