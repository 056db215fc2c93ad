import type { ErrorDetail } from "@holdfast/core";
import type { ImportNotes } from "../workspace/notes.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

/** What the readers of the configuration share: the notes, and every error met so far. */
export interface Findings {
  readonly notes: ImportNotes;
  readonly errors: ErrorDetail[];
}

/**
 * One object of the configuration, read key by key. It remembers which keys were asked for, so that
 * `rest` can report all others: nothing is dropped in silence. A value of the wrong type becomes an
 * error and reads as absent.
 */
export class Section {
  readonly path: string;
  private readonly value: JsonObject;
  private readonly findings: Findings;
  private readonly read = new Set<string>();

  constructor(value: JsonObject, path: string, findings: Findings) {
    this.value = value;
    this.path = path;
    this.findings = findings;
  }

  at(key: string): string {
    const step = /^[A-Za-z0-9_$-]+$/.test(key) ? key : JSON.stringify(key);
    return this.path === "" ? step : `${this.path}.${step}`;
  }

  keys(): readonly string[] {
    return Object.keys(this.value);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.value, key) && this.value[key] !== null;
  }

  /** Any value; null counts as absent. */
  any(key: string): Json | undefined {
    this.read.add(key);
    return this.has(key) ? this.value[key] : undefined;
  }

  string(key: string): string | undefined {
    return this.typed(key, "a string", (value) => typeof value === "string");
  }

  number(key: string): number | undefined {
    return this.typed(key, "a number", (value) => typeof value === "number");
  }

  boolean(key: string): boolean | undefined {
    return this.typed(key, "true or false", (value) => typeof value === "boolean");
  }

  strings(key: string): readonly string[] | undefined {
    return this.typed(key, "a list of strings", isStrings);
  }

  list(key: string): readonly Json[] | undefined {
    return this.typed(key, "a list", isList);
  }

  section(key: string): Section | undefined {
    const value = this.typed(key, "an object", isObject);
    return value && new Section(value, this.at(key), this.findings);
  }

  wrong(key: string, expected: string, found: string = describe(this.value[key])): void {
    this.findings.errors.push({
      path: this.at(key),
      message: `expected ${expected}, found ${found}`,
    });
  }

  take(key: string, subject: string, reason: string): void {
    this.read.add(key);
    this.findings.notes.take(subject, this.at(key), reason);
  }

  leave(key: string, subject: string, reason: string): void {
    this.read.add(key);
    this.findings.notes.leave(subject, this.at(key), reason);
  }

  /** Notes the object as a whole. */
  takeWhole(subject: string, reason: string): void {
    this.findings.notes.take(subject, this.path, reason);
  }

  leaveWhole(subject: string, reason: string): void {
    this.findings.notes.leave(subject, this.path, reason);
  }

  /** Reports every key that nobody asked for. */
  rest(subject: string, reason: (key: string) => string): void {
    for (const key of this.keys()) {
      if (!this.read.has(key)) this.leave(key, `${key} of ${subject}`, reason(key));
    }
  }

  private typed<Type extends Json>(
    key: string,
    expected: string,
    fits: (value: Json) => value is Type,
  ): Type | undefined {
    const value = this.any(key);
    if (value === undefined || fits(value)) return value;
    this.wrong(key, expected);
    return undefined;
  }
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function isStrings(value: Json | undefined): value is readonly string[] {
  return isList(value) && value.every((entry) => typeof entry === "string");
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: Json | undefined): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return `a ${typeof value}`;
}
