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
  const faults: FileFault[] = [];
  const declared: Declared[] = [];
  const resources: Resource[] = [];
  const firstPlaces = new Map<string, string>();
  for (const source of sources) {
    const parsed = parseYaml(source);
    faults.push(...parsed.faults);
    for (const item of parsed.declared) {
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
  refuse(faults, resources, sources);
  return {
    resources,
    place: (details) =>
      details.map((detail) => {
        const [root, index, ...path] = parsePath(detail.path);
        const item = root === "resources" ? declared[Number(index)] : undefined;
        return item ? detailOf(placed(item, path, detail.message)) : detail;
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
