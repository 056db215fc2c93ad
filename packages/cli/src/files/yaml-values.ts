import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
} from "yaml";
import { commandLimits } from "../limits.ts";
import type { SourceTree } from "./source-tree.ts";

export interface PlacedValue {
  readonly value: unknown;
  readonly tree: SourceTree;
}

type ReportFault = (offset: number, message: string) => void;

interface Walk {
  readonly document: Document.Parsed;
  readonly fault: ReportFault;
  /** The tree of a value whose line is that of `offset`. */
  readonly treeAt: (offset: number, children: ReadonlyMap<string, SourceTree>) => SourceTree;
  /** Nodes whose values are being made, to find cycles. */
  readonly open: Set<Node>;
  values: number;
  /** Finding an anchor walks the whole document: once for each alias is enough. */
  readonly targets: Map<Alias, Node | undefined>;
}

/**
 * A document as JSON values, with the place of each. Aliases are resolved here, not by the library, so
 * that each use has its own place and a cycle or a bomb is a fault where it begins.
 */
export function plainValue(
  document: Document.Parsed,
  lines: LineCounter,
  fault: ReportFault,
): PlacedValue {
  const walk: Walk = {
    document,
    fault,
    treeAt: (offset, children) => {
      const { line, col } = lines.linePos(offset);
      return { line, column: col, children };
    },
    open: new Set(),
    values: 0,
    targets: new Map(),
  };
  return convert(walk, document.contents, 0, 0);
}

const noChildren: ReadonlyMap<string, SourceTree> = new Map();

function convert(walk: Walk, given: unknown, offset: number, depth: number): PlacedValue {
  const node = given as Node | null | undefined;
  const at = node?.range?.[0] ?? offset;
  const nothing = (message?: string): PlacedValue => {
    if (message !== undefined) walk.fault(at, message);
    return { value: null, tree: walk.treeAt(at, noChildren) };
  };
  if (!node) return nothing();
  walk.values += 1;
  if (walk.values > commandLimits.yamlValues) {
    const first = walk.values === commandLimits.yamlValues + 1;
    const many = `more than ${commandLimits.yamlValues} values, aliases counted as often as used`;
    return nothing(first ? many : undefined);
  }
  if (depth > commandLimits.yamlDepth) {
    return nothing(`nested deeper than ${commandLimits.yamlDepth} levels`);
  }
  if (isAlias(node)) {
    const target = targetOf(walk, node);
    if (!target) return nothing(`the anchor "${node.source}" is not defined before its use`);
    if (walk.open.has(target)) return nothing(`the alias "${node.source}" refers to itself`);
    return convertInside(walk, target, at, depth);
  }
  return convertInside(walk, node, at, depth);
}

function targetOf(walk: Walk, alias: Alias): Node | undefined {
  if (!walk.targets.has(alias)) walk.targets.set(alias, alias.resolve(walk.document));
  return walk.targets.get(alias);
}

/** `at` is where the value is used, which for an alias is not where it is written. */
function convertInside(walk: Walk, node: Node, at: number, depth: number): PlacedValue {
  if (isScalar(node))
    return { value: scalar(walk, node.value, at), tree: walk.treeAt(at, noChildren) };
  walk.open.add(node);
  try {
    const children = new Map<string, SourceTree>();
    if (isSeq(node)) {
      const value = node.items.map((item, index) => {
        const placed = convert(walk, item, at, depth + 1);
        children.set(String(index), placed.tree);
        return placed.value;
      });
      return { value, tree: walk.treeAt(at, children) };
    }
    const value: Record<string, unknown> = {};
    for (const pair of isMap(node) ? node.items : []) {
      const key = keyOf(walk, pair.key as Node | null, at);
      if (!key) continue;
      const placed = convert(walk, pair.value, key.at, depth + 1);
      children.set(key.text, walk.treeAt(key.at, placed.tree.children));
      value[key.text] = placed.value;
    }
    return { value, tree: walk.treeAt(at, children) };
  } finally {
    walk.open.delete(node);
  }
}

function keyOf(
  walk: Walk,
  node: Node | null,
  offset: number,
): { text: string; at: number } | undefined {
  const at = node?.range?.[0] ?? offset;
  const text = isScalar(node) ? node.value : undefined;
  if (typeof text !== "string") {
    const shown = isScalar(node) ? `: write "${String(node.source ?? node.value)}" in quotes` : "";
    walk.fault(at, `a key must be a string${shown}`);
    return undefined;
  }
  if (text === "__proto__") {
    walk.fault(at, "the key __proto__ is not allowed");
    return undefined;
  }
  scalar(walk, text, at);
  return { text, at };
}

function scalar(walk: Walk, value: unknown, at: number): unknown {
  if (typeof value === "string") {
    if (value.includes("\0") || !value.isWellFormed()) {
      walk.fault(at, "the text holds a NUL character or a lone surrogate");
    }
    return value;
  }
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  walk.fault(at, "expected a text, a number, true, false or null");
  return null;
}
