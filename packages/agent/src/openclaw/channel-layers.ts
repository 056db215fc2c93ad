import { isList, type Json, type Section } from "./section.ts";

/** The settings of one account over those of its channel: what it says itself comes first. */
export class ChannelLayers {
  /** The account's own section; that of the channel where no accounts are declared. */
  readonly own: Section;
  readonly shared: Section;

  constructor(own: Section, shared: Section) {
    this.own = own;
    this.shared = shared;
  }

  /** Where the key stands. */
  holder(key: string): Section {
    return this.own.has(key) ? this.own : this.shared;
  }

  has(key: string): boolean {
    return this.holder(key).has(key);
  }

  string(key: string): string | undefined {
    return this.holder(key).string(key);
  }

  boolean(key: string): boolean | undefined {
    return this.holder(key).boolean(key);
  }

  section(key: string): Section | undefined {
    return this.holder(key).section(key);
  }

  /** Ids, which are written as texts or as numbers. */
  ids(key: string): readonly string[] | undefined {
    return idsOf(this.holder(key), key);
  }

  take(key: string, subject: string, reason: string): void {
    this.holder(key).take(key, subject, reason);
  }

  leave(key: string, subject: string, reason: string): void {
    this.holder(key).leave(key, subject, reason);
  }
}

/** A list of ids; a wrong entry is an error. */
export function idsOf(section: Section, key: string): readonly string[] | undefined {
  const value: Json | undefined = section.any(key);
  if (value === undefined) return undefined;
  if (!isList(value)) {
    section.wrong(key, "a list of ids");
    return undefined;
  }
  const ids = value.flatMap((entry) =>
    typeof entry === "string" || typeof entry === "number" ? [String(entry).trim()] : [],
  );
  if (ids.length < value.length) section.wrong(key, "a list of ids", "a list with something else");
  return ids.filter((id) => id !== "");
}
