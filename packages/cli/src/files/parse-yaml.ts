import { type Document, LineCounter, parseAllDocuments, type YAMLError } from "yaml";
import { commandLimits } from "../limits.ts";
import type { Source } from "./read-sources.ts";
import type { SourceTree } from "./source-tree.ts";
import { plainValue } from "./yaml-values.ts";

/** A fault with its place in a file. */
export interface FileFault {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** One resource as it was written, not yet checked against its schema. */
export interface Declared {
  readonly file: string;
  readonly value: unknown;
  readonly tree: SourceTree;
}

export interface ParsedFile {
  readonly declared: readonly Declared[];
  readonly faults: readonly FileFault[];
}

/**
 * Reads YAML 1.2 or JSON: one or more documents, each a resource or a list of them. Duplicate keys,
 * keys that are no strings, unknown tags, cycles and alias bombs are faults; every fault is given.
 */
export function parseYaml(source: Source): ParsedFile {
  const lines = new LineCounter();
  const faults: FileFault[] = [];
  const fault = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset);
    // The line counter gives 0 for an empty file.
    const position = { line: Math.max(1, line), column: Math.max(1, col) };
    faults.push({ file: source.file, ...position, message });
  };

  let documents: readonly Document.Parsed[];
  try {
    const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: true, version: "1.2" };
    documents = [...parseAllDocuments(source.text, options as object)] as Document.Parsed[];
  } catch (thrown) {
    // The parser is recursive: values nested thousands deep end it here.
    if (!(thrown instanceof RangeError)) throw thrown;
    fault(0, tooDeep);
    return { declared: [], faults };
  }

  const declared: Declared[] = [];
  for (const document of documents) {
    const wrong: readonly YAMLError[] = [...document.errors, ...document.warnings];
    for (const error of wrong) fault(error.pos[0], sentence(error));
    // Errors leave holes in the document, from which only misleading faults would follow.
    if (wrong.length > 0 || document.contents === null) continue;
    const { value, tree } = plainValue(document, lines, fault);
    declared.push(...resourcesOf(source.file, value, tree));
  }
  return { declared, faults };
}

const tooDeep = `nested deeper than ${commandLimits.yamlDepth} levels`;

function resourcesOf(file: string, value: unknown, tree: SourceTree): Declared[] {
  if (!Array.isArray(value)) return value === null ? [] : [{ file, value, tree }];
  return value.map((item: unknown, index) => ({
    file,
    value: item,
    tree: tree.children.get(String(index)) ?? tree,
  }));
}

function sentence(error: YAMLError): string {
  if (error.code === "DUPLICATE_KEY") return "the key stands here a second time";
  if (error.code === "RESOURCE_EXHAUSTION") return tooDeep;
  if (error.code === "TAB_AS_INDENT") return "a tab cannot indent: use spaces";
  const message = error.message.replace(/\s+/g, " ").replace(/[.:]$/, "");
  return message.charAt(0).toLowerCase() + message.slice(1);
}
