import { type ErrorDetail, HoldfastError } from "@holdfast/core";
import type { FastifySchemaCompiler } from "fastify";
import type { z } from "zod";

const names: Record<string, string> = {
  body: "The body",
  querystring: "The query",
  params: "The address",
  headers: "The headers",
};

/** Checks with zod, and names everything that is wrong at once. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const what = names[httpPart ?? "body"] ?? "The request";
  return (data: unknown) => {
    const result = schema.safeParse(data);
    if (result.success) return { value: result.data };
    return { error: invalidRequest(what, describeIssues(result.error)) };
  };
};

export function invalidRequest(what: string, details: readonly ErrorDetail[]): HoldfastError {
  const count = details.length === 1 ? "one fault" : `${details.length} faults`;
  return new HoldfastError("invalid_request", `${what} has ${count}.`, { details });
}

/** One detail per fault; of a union, the faults of the variant that came closest. */
function describeIssues(error: z.core.$ZodError): ErrorDetail[] {
  return error.issues.flatMap((issue) => describe(issue, []));
}

function describe(issue: z.core.$ZodIssue, prefix: readonly PropertyKey[]): ErrorDetail[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: pathText([...path, key]),
      message: "unknown field",
    }));
  }
  if (issue.code === "invalid_union") {
    const closest = closestVariant(issue.errors);
    if (closest) return closest.flatMap((inner) => describe(inner, path));
  }
  return [{ path: pathText(path), message: messageOf(issue) }];
}

/** The variant whose faults lie deepest: the others failed on the outer type already. */
function closestVariant(
  variants: readonly (readonly z.core.$ZodIssue[])[],
): readonly z.core.$ZodIssue[] | undefined {
  const depth = (issues: readonly z.core.$ZodIssue[]) =>
    Math.max(...issues.map((issue) => issue.path.length + (issue.code === "invalid_type" ? 0 : 1)));
  return variants
    .filter((issues) => issues.length > 0)
    .toSorted((a, b) => depth(b) - depth(a) || a.length - b.length)[0];
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
