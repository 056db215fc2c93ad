import { type Resource, resourceKinds, resourceSchema } from "@holdfast/core";
import { formatPath, type PathSegment } from "./source-tree.ts";

/** What is wrong with one declared resource, and where in it. */
export interface ResourceFault {
  readonly path: readonly PathSegment[];
  readonly message: string;
}

export type Checked =
  | { readonly resource: Resource; readonly faults?: undefined }
  | { readonly resource?: undefined; readonly faults: readonly ResourceFault[] };

const kinds: readonly string[] = resourceKinds;

/** Checks a declared value against the schema of its kind; every fault is given. */
export function checkResource(value: unknown): Checked {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { faults: [{ path: [], message: "expected a resource: a map with kind and name" }] };
  }
  const kind: unknown = "kind" in value ? value.kind : undefined;
  if (typeof kind !== "string" || !kinds.includes(kind)) {
    const shown =
      kind === undefined ? "the kind is missing" : `unknown kind ${JSON.stringify(kind)}`;
    const message = `${shown}: expected one of ${kinds.join(", ")}`;
    return { faults: [{ path: ["kind"], message }] };
  }
  const result = resourceSchema.safeParse(value);
  if (result.success) return { resource: result.data };
  return { faults: result.error.issues.flatMap((issue) => faultsOf(issue, value, [])) };
}

type Failure = NonNullable<ReturnType<typeof resourceSchema.safeParse>["error"]>;
type Issue = Failure["issues"][number];

function faultsOf(issue: Issue, value: unknown, base: readonly PathSegment[]): ResourceFault[] {
  const path = [...base, ...issue.path.map((part) => (typeof part === "symbol" ? "" : part))];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], message: "unknown field" }));
  }
  if (issue.code === "invalid_union") return unionFaults(issue, value, path);
  if (issue.code === "invalid_type" && valueAt(value, path) === undefined) {
    return [{ path, message: `missing: expected ${withArticle(issue.expected)}` }];
  }
  const message = issue.message.replace(/^Invalid input: /, "").replace(/\.$/, "");
  return [{ path, message: message.charAt(0).toLowerCase() + message.slice(1) }];
}

/** The faults of the one alternative that was meant, or what the alternatives have to say together. */
function unionFaults(
  issue: Issue & { code: "invalid_union" },
  value: unknown,
  path: readonly PathSegment[],
): ResourceFault[] {
  if (issue.discriminator !== undefined) {
    const options = "options" in issue ? issue.options?.map(String).join(", ") : undefined;
    const expected = options === undefined ? "another value" : `one of ${options}`;
    const at = path.at(-1) === issue.discriminator ? path : [...path, issue.discriminator];
    return [{ path: at, message: `expected ${expected}` }];
  }
  // An alternative whose faults lie deeper than its own type fits the value's shape: it was meant.
  const meant = issue.errors.filter(
    (faults) => !faults.some((fault) => fault.code === "invalid_type" && fault.path.length === 0),
  );
  const [only, ...others] = meant.length > 0 ? meant : issue.errors;
  if (only && others.length === 0) return only.flatMap((inner) => faultsOf(inner, value, path));
  const said = issue.errors.flatMap((faults) =>
    faults.slice(0, 1).flatMap((f) => faultsOf(f, value, [])),
  );
  const messages = said.map(({ path: inside, message }) => {
    const where = formatPath(inside);
    return where === "" ? message : `${where}: ${message}`;
  });
  return [{ path, message: [...new Set(messages)].join("; or ") }];
}

function valueAt(value: unknown, path: readonly PathSegment[]): unknown {
  return path.reduce<unknown>(
    (at, segment) =>
      typeof at === "object" && at !== null ? (at as Record<string, unknown>)[segment] : undefined,
    value,
  );
}

function withArticle(noun: string): string {
  return /^[aeio]/.test(noun) ? `an ${noun}` : `a ${noun}`;
}
