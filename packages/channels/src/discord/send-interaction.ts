import type { SendOutcome } from "@holdfast/core";
import { z } from "zod";
import { outcomeOf } from "./outcome.ts";
import type { Rest } from "./rest.ts";

export interface InteractionAnswer {
  readonly rest: Rest;
  readonly applicationId: string;
  readonly token: string;
  readonly content: string;
}

const message = z.looseObject({
  id: z.string(),
  content: z.string(),
  flags: z.number().optional(),
});

/** "The bot is thinking": nothing was written into the answer yet. */
const loadingFlag = 1 << 7;

/**
 * Fills the answer that a slash command waits for; undefined when there is none to fill any more, so that
 * the text goes to the chat as a message. The answer is looked at first: another message of the agent may
 * stand in it already, and must not be overwritten.
 */
export async function answerInteraction(
  { rest, applicationId, token, content }: InteractionAnswer,
  signal: AbortSignal,
): Promise<SendOutcome | undefined> {
  const path = `/webhooks/${applicationId}/${encodeURIComponent(token)}/messages/@original`;
  const found = await rest.ask({ method: "GET", path }, signal);
  if (found.kind !== "answer") return outcomeOf(found);
  if (isGone(found.status)) return undefined;
  const present = message.safeParse(found.body);
  if (found.status !== 200 || !present.success) return outcomeOf(found);

  if (((present.data.flags ?? 0) & loadingFlag) === 0) {
    // An earlier try of this very piece, whose answer was lost.
    const isSame = present.data.content.trim() === content.trim();
    return isSame ? { outcome: "sent", platformId: present.data.id } : undefined;
  }
  const body = { content, allowed_mentions: { parse: [] } };
  const changed = await rest.ask({ method: "PATCH", path, body }, signal);
  if (changed.kind === "answer" && isGone(changed.status)) return undefined;
  return outcomeOf(changed);
}

/** The token of an interaction works for 15 minutes. */
function isGone(status: number): boolean {
  return status === 401 || status === 403 || status === 404;
}
