import type { ErrorCode } from "@holdfast/core";

/** One thing of an import: what it is, where it stands, and why it was taken over, changed or left. */
export interface ImportNote {
  /** What it is, as people name it: `skill weather`, `USER.md`, `model of agent main`. */
  readonly subject: string;
  /** A file's path or a path in the configuration, as `agents.entries.main.model`. */
  readonly path: string;
  readonly reason: string;
  /** Set where something was refused rather than merely not supported. */
  readonly code?: ErrorCode;
}

/** Collects what becomes of everything that an import meets; the same note counts once. */
export class ImportNotes {
  readonly taken: ImportNote[] = [];
  readonly left: ImportNote[] = [];
  private readonly seen = new Set<string>();

  take(subject: string, path: string, reason: string): void {
    if (this.isNew("taken", subject, path, reason)) this.taken.push({ subject, path, reason });
  }

  leave(subject: string, path: string, reason: string, code?: ErrorCode): void {
    if (!this.isNew("left", subject, path, reason)) return;
    this.left.push({ subject, path, reason, ...(code && { code }) });
  }

  private isNew(...parts: readonly string[]): boolean {
    const key = parts.join("\n");
    if (this.seen.has(key)) return false;
    this.seen.add(key);
    return true;
  }
}
