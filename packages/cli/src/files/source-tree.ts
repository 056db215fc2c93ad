/** Where a value stands in its file, and where the values inside it stand. */
export interface SourceTree {
  readonly line: number;
  readonly column: number;
  readonly children: ReadonlyMap<string, SourceTree>;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

export type PathSegment = string | number;

/** The position of the path's deepest part that stands in the file. */
export function locate(tree: SourceTree, path: readonly PathSegment[]): Position {
  let at = tree;
  for (const segment of path) {
    const child = at.children.get(String(segment));
    if (!child) break;
    at = child;
  }
  return { line: at.line, column: at.column };
}

/** `["tools", 2, "url"]` as `tools[2].url`. */
export function formatPath(path: readonly PathSegment[]): string {
  return path.reduce<string>((text, segment) => {
    if (typeof segment === "number") return `${text}[${segment}]`;
    if (!/^[A-Za-z_$][\w$-]*$/.test(segment)) return `${text}[${JSON.stringify(segment)}]`;
    return text === "" ? segment : `${text}.${segment}`;
  }, "");
}

/** The reverse of `formatPath`; what it cannot read is left out. */
export function parsePath(text: string): PathSegment[] {
  const segments: PathSegment[] = [];
  for (const [, index, quoted, name] of text.matchAll(
    /\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g,
  )) {
    if (index !== undefined) segments.push(Number(index));
    else if (quoted !== undefined) segments.push(JSON.parse(quoted) as string);
    else if (name !== undefined) segments.push(name);
  }
  return segments;
}
