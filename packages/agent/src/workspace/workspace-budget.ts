import { cutText } from "./cut-text.ts";
import type { ImportNotes } from "./notes.ts";
import type { Skill } from "./read-skills.ts";
import type { WorkspaceLimits } from "./workspace-limits.ts";

/** What still fits: characters of instructions, and bytes of the whole. */
export class Budget {
  private readonly limits: WorkspaceLimits;
  private chars: number;
  private bytes: number;

  constructor(limits: WorkspaceLimits) {
    this.limits = limits;
    this.chars = limits.totalChars;
    this.bytes = limits.totalBytes - jsonBytes({ files: [], skills: [] });
  }

  /** The text as it goes in, cut where it must be; undefined when there is nothing to put in. */
  instruction(path: string, text: string, notes: ImportNotes): string | undefined {
    if (text === "") {
      notes.leave(path, path, "it is empty");
      return undefined;
    }
    const cap = path === "USER.md" ? this.limits.userFileChars : this.limits.fileChars;
    const room = Math.min(cap, this.chars);
    if (this.chars < minimumChars && this.chars < text.length) {
      const reason = `the instruction files are over ${this.limits.totalChars} characters together`;
      notes.leave(path, path, reason, "payload_too_large");
      return undefined;
    }
    const kept = cutText(text, room, path);
    if (!this.spend(jsonBytes({ path, text: kept }) + 1)) {
      notes.leave(path, path, this.full(), "payload_too_large");
      return undefined;
    }
    this.chars -= kept.length;
    const size =
      kept.length === text.length
        ? `${text.length} characters`
        : `cut from ${text.length} to ${kept.length} characters, the limit ${
            room === cap ? "of a file" : `of ${this.limits.totalChars} for all files`
          }`;
    notes.take(path, path, path === "BOOTSTRAP.md" ? `${size}; ${bootstrapHint}` : size);
    return kept;
  }

  skill(skill: Skill, path: string, notes: ImportNotes): boolean {
    const subject = `skill ${skill.name}`;
    const bytes = jsonBytes(skill) + 1;
    if (!this.spend(bytes)) {
      notes.leave(subject, path, `it has ${bytes} bytes; ${this.full()}`, "payload_too_large");
      return false;
    }
    const hidden =
      skill.modelInvocable === false ? "; the model reads it only when a person names it" : "";
    notes.take(subject, path, `${skill.text.length} characters${hidden}`);
    return true;
  }

  private spend(bytes: number): boolean {
    if (bytes > this.bytes) return false;
    this.bytes -= bytes;
    return true;
  }

  private full(): string {
    return `it does not fit the ${this.limits.totalBytes} bytes that an agent's workspace may have`;
  }
}

/** Less than this of a file is not worth its heading. */
const minimumChars = 200;
const bootstrapHint = "the model reads it until you take it out of the agent's workspace";

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
