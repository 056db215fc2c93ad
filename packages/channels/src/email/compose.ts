import MailComposer from "nodemailer/lib/mail-composer";
import { isMessageId, shortHash } from "./addresses.ts";
import { loopHeader } from "./automatic.ts";
import { emailLimits } from "./limits.ts";
import { oneLine } from "./read-mail.ts";
import { boundedReferences, type ThreadMail } from "./threads.ts";

/** The body of a piece. */
export interface MailBody {
  readonly html: string;
  readonly text: string;
}

export interface MailToSend {
  readonly from: { readonly address: string; readonly name: string | undefined };
  readonly to: string;
  readonly messageId: string;
  readonly body: MailBody;
  /** The Message-ID of the mail that is answered, and what is known of it. */
  readonly answers: string | undefined;
  readonly thread: ThreadMail | undefined;
  readonly date: Date;
}

/**
 * A mail's source. What comes from people (subjects, Message-IDs) is brought into a form that cannot end
 * a header before it is put into one.
 */
export async function composeMail(mail: MailToSend): Promise<Buffer> {
  const answers =
    mail.answers !== undefined && isMessageId(mail.answers) ? mail.answers : undefined;
  const before = (mail.thread?.before ?? []).filter(isMessageId);
  const references =
    answers === undefined
      ? []
      : boundedReferences([...before.filter((id) => id !== answers), answers]);
  const composer = new MailComposer({
    from: { address: mail.from.address, name: mail.from.name ?? "" },
    to: { address: mail.to, name: "" },
    subject: answerSubject(mail.thread?.subject),
    messageId: `<${mail.messageId}>`,
    ...(answers === undefined ? {} : { inReplyTo: `<${answers}>` }),
    ...(references.length === 0 ? {} : { references: references.map((id) => `<${id}>`) }),
    date: mail.date,
    text: mail.body.text,
    html: mail.body.html,
    headers: {
      "Auto-Submitted": answers === undefined ? "auto-generated" : "auto-replied",
      // Servers with this header's support send neither absences nor automatic answers back.
      "X-Auto-Response-Suppress": "OOF, AutoReply",
      [loopHeader]: shortHash(mail.from.address),
    },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const message = composer.compile();
  return message.build();
}

/** "Re:" once, whatever stood before. */
function answerSubject(subject: string | undefined): string {
  const bare = oneLine(subject ?? "", emailLimits.subjectChars).replace(
    /^((re|aw|antw|sv|vs|odp|rif|ref)(\[\d+\])?\s*:\s*)+/i,
    "",
  );
  return `Re: ${bare === "" ? "your message" : bare}`;
}
