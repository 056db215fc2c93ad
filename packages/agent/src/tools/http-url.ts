import type { ToolArguments } from "./tool-source.ts";

/** A URL with `{argument}` places in its path and query, checked once per declared tool. */
export interface UrlTemplate {
  readonly origin: string;
  /** Fills the places. `rest` holds the arguments that the URL did not use. */
  fill(args: ToolArguments): FilledUrl | { readonly fault: string };
}

export interface FilledUrl {
  readonly url: URL;
  readonly rest: ToolArguments;
}

/**
 * Reads a template. Scheme, host, port and credentials must be literal: arguments come from a model,
 * and where a call goes is the operator's decision.
 */
export function urlTemplate(text: string): UrlTemplate | { readonly fault: string } {
  const parts = /^(https?:\/\/[^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?$/i.exec(text);
  const [, authority = "", path = "", query = ""] = parts ?? [];
  if (parts === null) return { fault: "its URL is not an http or https URL" };
  if (/[{}\\\s]/.test(authority)) {
    return { fault: "its URL has a place for an argument in the host; only path and query may" };
  }
  if (authority.includes("@")) {
    return { fault: "its URL holds credentials; give them as a header from a secret" };
  }
  if (!URL.canParse(authority)) return { fault: "its URL has no valid host" };
  const { origin } = new URL(authority);
  return { origin, fill: (args) => fill(origin, path, query, args) };
}

const place = /\{([^{}]+)\}/g;

function fill(origin: string, path: string, query: string, args: ToolArguments) {
  const used = new Set<string>();
  const faults: string[] = [];
  const segments = path.split("/").map((segment) => {
    if (!segment.includes("{")) return segment;
    const filled = segment.replace(place, (_, name: string) => {
      used.add(name);
      const value = scalar(args[name]);
      if (value === undefined || value === "") {
        faults.push(`arguments.${name}: expected a non-empty text, number or boolean`);
        return "";
      }
      return encodeURIComponent(value);
    });
    if (/^(?:\.|%2e){1,2}$/i.test(filled)) {
      faults.push(`arguments: ${JSON.stringify(segment)} may not become "." or ".."`);
    }
    return filled;
  });
  const pairs = query.split("&").flatMap((pair) => {
    const names = [...pair.matchAll(place)].map((match) => match[1] ?? "");
    for (const name of names) used.add(name);
    if (names.some((name) => args[name] === undefined || args[name] === null)) return [];
    return [pair.replace(place, (_, name: string) => encodeURIComponent(textOf(args[name])))];
  });
  if (faults.length > 0) return { fault: faults.join("; ") };
  const search = pairs.filter((pair) => pair !== "").join("&");
  const url = new URL(`${origin}${segments.join("/")}${search === "" ? "" : `?${search}`}`);
  if (url.origin !== origin) return { fault: "arguments: they lead to another host" };
  const rest = Object.fromEntries(Object.entries(args).filter(([name]) => !used.has(name)));
  return { url, rest };
}

/** Adds arguments to the query: lists as repeated names, objects as JSON. */
export function addToQuery(url: URL, rest: ToolArguments): void {
  for (const [name, value] of Object.entries(rest)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== null) url.searchParams.append(name, textOf(item));
    }
  }
}

function scalar(value: unknown): string | undefined {
  const isScalar = ["string", "number", "boolean"].includes(typeof value);
  return isScalar ? String(value).toWellFormed() : undefined;
}

function textOf(value: unknown): string {
  return scalar(value) ?? JSON.stringify(value).toWellFormed();
}
