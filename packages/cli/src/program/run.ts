import type { Context } from "../context.ts";

/** Runs a command's action, which gives the exit code, with the context that the global options make. */
export type Run = (action: (context: Context) => Promise<number>) => Promise<void>;
