import type { AccountOptions, PieceSend, SendOutcome } from "@holdfast/core";
import { z } from "zod";
import { isMailAddress, isMessageId, ownMessageId } from "./addresses.ts";
import type { AnswerLimit } from "./answer-limit.ts";
import { composeMail } from "./compose.ts";
import type { Identity } from "./events.ts";
import { emailLimits } from "./limits.ts";
import { failureOutcome } from "./outcome.ts";
import type { EmailSettings } from "./settings.ts";
import type { SmtpPool } from "./smtp-pool.ts";
import type { ThreadMail } from "./threads.ts";

const mailBody = z.object({ html: z.string(), text: z.string() });

export interface MailSender {
  readonly options: AccountOptions<EmailSettings>;
  readonly self: Identity;
  readonly pool: SmtpPool;
  readonly limit: AnswerLimit;
  /** Undefined when nothing is known of that mail any more. */
  readonly findThread: (messageId: string, signal: AbortSignal) => Promise<ThreadMail | undefined>;
}

/** One try to send one mail. */
export async function sendMail(
  { options, self, pool, limit, findThread }: MailSender,
  { piece, chat, key, replyTo }: PieceSend,
  outer: AbortSignal,
): Promise<SendOutcome> {
  const signal = AbortSignal.any([outer, AbortSignal.timeout(emailLimits.sendTimeoutMs)]);
  const body = mailBody.safeParse(piece.body);
  if (!body.success) return { outcome: "failed", reason: "The piece is no mail." };
  if (!isMailAddress(chat.id)) return { outcome: "failed", reason: "The chat is no mail address." };
  const counted = `${chat.id} ${chat.thread ?? ""}`;
  const afterMs = limit.waitMs(counted);
  if (afterMs > 0) {
    const reason = `More than ${options.settings.answersPerHour} answers in an hour to one sender in one thread.`;
    return { outcome: "retry", reason, afterMs, scope: "chat" };
  }
  const answers = replyTo !== undefined && isMessageId(replyTo) ? replyTo : undefined;
  const platformId = ownMessageId(key, chat.thread, self.domain);
  try {
    const source = await composeMail({
      from: { address: self.address, name: options.settings.displayName },
      to: chat.id,
      messageId: platformId,
      body: body.data,
      answers: answers?.includes("@") === true ? answers : undefined,
      thread: answers === undefined ? undefined : await findThread(answers, signal),
      date: new Date(options.clock.now()),
    });
    await pool.use(signal, (session) => session.send(self.address, chat.id, source, signal));
    limit.count(counted);
    return { outcome: "sent", platformId };
  } catch (error) {
    const outcome = failureOutcome(error);
    // What may have been sent counts as sent.
    if (outcome.outcome === "unknown") limit.count(counted);
    return outcome;
  }
}
