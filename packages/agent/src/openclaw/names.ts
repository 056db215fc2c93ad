import { type ErrorDetail, limits } from "@holdfast/core";

/** An OpenClaw id as a Holdfast name; empty when nothing of it can stand in one. */
export function normalizeName(id: string, maxLength: number = limits.nameLength): string {
  return id
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}+/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, maxLength)
    .replace(/-+$/, "");
}

/**
 * An id of an account or an agent as OpenClaw compares it: `My Bot` and `my-bot` are one. Empty when nothing
 * of it can stand in one.
 */
export function openClawId(written: string): string {
  const id = written.trim().toLowerCase();
  if (/^[a-z0-9][a-z0-9_-]{0,63}$/.test(id)) return id;
  return id
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 64);
}

/** Names for ids. Two ids of one name, and ids without a name, become errors. */
export class Names {
  private readonly kind: string;
  private readonly errors: ErrorDetail[];
  private readonly maxLength: number;
  private readonly byId = new Map<string, string>();
  private readonly idOf = new Map<string, string>();

  constructor(kind: string, errors: ErrorDetail[], maxLength: number = limits.nameLength) {
    this.kind = kind;
    this.errors = errors;
    this.maxLength = maxLength;
  }

  /** The name that this id gets; undefined when it gets none. */
  add(id: string, path: string): string | undefined {
    const name = normalizeName(id, this.maxLength);
    const shown = JSON.stringify(id.slice(0, 100));
    const other = this.idOf.get(name);
    if (name === "") {
      this.errors.push({
        path,
        message: `no ${this.kind} name can be made of ${shown}: expected letters a-z or digits`,
      });
      return undefined;
    }
    if (other !== undefined) {
      const both = `${JSON.stringify(other.slice(0, 100))} and ${shown}`;
      this.errors.push({
        path,
        message: `${both} would both be the ${this.kind} ${name}: rename one`,
      });
      return undefined;
    }
    this.idOf.set(name, id);
    this.byId.set(id, name);
    return name;
  }

  get(id: string): string | undefined {
    return this.byId.get(id);
  }
}
