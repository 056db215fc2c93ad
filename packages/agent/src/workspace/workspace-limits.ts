import { limits } from "@holdfast/core";

/** Bounds of reading one workspace. Characters are UTF-16 code units, as OpenClaw counts them. */
export interface WorkspaceLimits {
  /** Text of one instruction file; the rest is cut out of its middle. */
  readonly fileChars: number;
  /** USER.md has a smaller cap of its own. */
  readonly userFileChars: number;
  /** Text of all instruction files. */
  readonly totalChars: number;
  /** A file over this is not read at all. */
  readonly fileBytes: number;
  readonly skillBytes: number;
  readonly frontMatterBytes: number;
  /** Skills taken over. */
  readonly skills: number;
  /** Directories looked at below a skills folder, and how deep. */
  readonly skillDirectories: number;
  readonly skillDepth: number;
  /** Entries read of one directory. */
  readonly directoryEntries: number;
  /** Daily notes (memory/YYYY-MM-DD.md), newest first. */
  readonly dailyNotes: number;
  /** The whole workspace as JSON. */
  readonly totalBytes: number;
}

export const workspaceLimits: WorkspaceLimits = {
  fileChars: 20_000,
  userFileChars: 4_000,
  totalChars: 60_000,
  fileBytes: 2 * 1024 * 1024,
  skillBytes: 256_000,
  frontMatterBytes: 32 * 1024,
  skills: 200,
  skillDirectories: 500,
  skillDepth: 6,
  directoryEntries: 2_000,
  dailyNotes: 2,
  totalBytes: limits.resourceBytes,
};
