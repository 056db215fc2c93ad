import { z } from "zod";

const cursorSchema = z.object({
  /** UIDVALIDITY: with another one all UIDs mean other mails. */
  v: z.string().regex(/^\d{1,20}$/),
  /** The last UID that was handled. */
  u: z.int().nonnegative(),
  /** When the server took that mail, in milliseconds since 1970. */
  t: z.int().nonnegative(),
});

/** How far the mailbox was read. */
export type Cursor = z.infer<typeof cursorSchema>;

/** Undefined for none, and for what no version of the channel wrote. */
export function parseCursor(text: string | undefined): Cursor | undefined {
  if (text === undefined) return undefined;
  try {
    return cursorSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function printCursor(cursor: Cursor): string {
  return JSON.stringify(cursor);
}
