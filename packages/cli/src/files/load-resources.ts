import {
  type ErrorDetail,
  HoldfastError,
  limits,
  type Resource,
  resourceTitle,
} from "@holdfast/core";
import { type Declared, type FileFault, parseYaml } from "./parse-yaml.ts";
import type { Source } from "./read-sources.ts";
import { checkResource } from "./resource-faults.ts";
import { formatPath, locate, type PathSegment, parsePath } from "./source-tree.ts";

export interface LoadedResources {
  readonly resources: readonly Resource[];
  /** Puts file, line and column to details whose paths begin with `resources[i]`. */
  place(details: readonly ErrorDetail[]): readonly ErrorDetail[];
}

/**
 * The resources that the sources declare, in their order. Errors: `invalid_resource` with every fault
 * of every source, its path `file:line:column` and, after a space, the field.
 */
export function loadResources(sources: readonly Source[]): LoadedResources {
  const { faults, ...loaded } = readResources(sources);
  refuse(faults, loaded.resources, sources);
  return loaded;
}

/**
 * As `loadResources`, but what a node finds wrong stands among the faults too: references cannot be
 * checked here. `check` asks the node about the declared values, whole or not.
 */
export async function loadChecked(
  sources: readonly Source[],
  check: (values: readonly unknown[]) => Promise<readonly ErrorDetail[]>,
): Promise<LoadedResources> {
  const { faults, values, ...loaded } = readResources(sources);
  if (faults.length > 0 && values.length > 0) {
    const known = new Set(faults.map(({ file, line }) => `${file}:${line}`));
    const found = loaded.faultsAt(await check(values));
    faults.push(...found.filter(({ file, line }) => !known.has(`${file}:${line}`)));
    faults.sort((a, b) => a.line - b.line);
  }
  refuse(faults, loaded.resources, sources);
  return loaded;
}

function readResources(sources: readonly Source[]) {
  const faults: FileFault[] = [];
  const values: unknown[] = [];
  const everything: Declared[] = [];
  const declared: Declared[] = [];
  const resources: Resource[] = [];
  const firstPlaces = new Map<string, string>();
  for (const source of sources) {
    const parsed = parseYaml(source);
    faults.push(...parsed.faults);
    for (const item of parsed.declared) {
      values.push(item.value);
      everything.push(item);
      const checked = checkResource(item.value);
      for (const { path, message } of checked.faults ?? [])
        faults.push(placed(item, path, message));
      if (!checked.resource) continue;
      const title = resourceTitle(checked.resource);
      const first = firstPlaces.get(title);
      if (first !== undefined)
        faults.push(placed(item, ["name"], `${title} stands at ${first} too`));
      firstPlaces.set(title, `${item.file}:${item.tree.line}`);
      declared.push(item);
      resources.push(checked.resource);
    }
  }
  const at = (items: readonly Declared[], detail: ErrorDetail): FileFault | undefined => {
    const [root, index, ...path] = parsePath(detail.path);
    const item = root === "resources" ? items[Number(index)] : undefined;
    return item && placed(item, path, detail.message);
  };
  return {
    resources,
    values,
    faults,
    /** Details about `values`, at their places. */
    faultsAt: (details: readonly ErrorDetail[]) =>
      details.flatMap((detail) => at(everything, detail) ?? []),
    place: (details: readonly ErrorDetail[]) =>
      details.map((detail) => {
        const fault = at(declared, detail);
        return fault ? detailOf(fault) : detail;
      }),
  };
}

function refuse(
  faults: readonly FileFault[],
  resources: readonly Resource[],
  sources: readonly Source[],
): void {
  const names = sources.map((source) => source.file).join(", ");
  if (faults.length > 0) {
    const count = faults.length === 1 ? "one fault" : `${faults.length} faults`;
    const details = faults.map(detailOf);
    throw new HoldfastError("invalid_resource", `Found ${count} in ${names}.`, { details });
  }
  if (resources.length === 0) {
    throw new HoldfastError("invalid_resource", `No resource is declared in ${names}.`);
  }
  if (resources.length > limits.resourcesPerApply) {
    const counted = `${resources.length} resources are declared; at most ${limits.resourcesPerApply}`;
    throw new HoldfastError("payload_too_large", `${counted} go in one apply.`);
  }
}

function placed(item: Declared, path: readonly PathSegment[], message: string): FileFault {
  const field = formatPath(path);
  const text = field === "" ? message : `${field}: ${message}`;
  return { file: item.file, ...locate(item.tree, path), message: text };
}

function detailOf(fault: FileFault): ErrorDetail {
  const path = `${fault.file}:${fault.line}:${fault.column}`;
  return { path, message: fault.message, line: fault.line };
}
