import { HoldfastError, type FetchedMedia, type MediaReference } from "@holdfast/core";
import type { Attachment } from "postal-mime";
import { z } from "zod";
import { isAllowedType, mediaTypes } from "../media/index.ts";
import type { MailPlace } from "./mail-place.ts";
import { emailLimits } from "./limits.ts";
import { oneLine, type ReadMail } from "./read-mail.ts";

/** Where an attachment lies: the mail's place, the Message-ID to find it again by, and the part's number. */
const mediaSource = z.strictObject({
  v: z.string(),
  u: z.int().positive(),
  m: z.string().optional(),
  p: z.int().nonnegative(),
});

export type MediaSource = z.infer<typeof mediaSource>;

/** The files of a mail, and sentences about those that are left out. */
export function mediaOf(
  mail: ReadMail,
  place: Pick<MailPlace, "uidValidity" | "uid">,
  messageId: string | undefined,
): { readonly media: readonly MediaReference[]; readonly notices: readonly string[] } {
  const media: MediaReference[] = [];
  const notices: string[] = [];
  let left = 0;
  for (const [index, attachment] of mail.attachments.entries()) {
    const bytes = bytesOf(attachment).length;
    const name = oneLine(attachment.filename ?? "", emailLimits.nameChars);
    if (isOutlookContainer(attachment)) {
      notices.push(
        `Its attachment ${name === "" ? "winmail.dat" : name} cannot be read: it is in Outlook's own format (TNEF).`,
      );
    } else if (attachment.related === true && bytes < emailLimits.inlinePictureMinBytes) continue;
    else if (media.length === emailLimits.mediaPerMail) left += 1;
    else {
      const source: MediaSource = {
        v: place.uidValidity,
        u: place.uid,
        ...(messageId === undefined ? {} : { m: messageId }),
        p: index,
      };
      media.push({
        kind: kindOf(attachment.mimeType),
        source: JSON.stringify(source),
        ...(name === "" ? {} : { name }),
        mime: attachment.mimeType,
        bytes,
      });
    }
  }
  if (left > 0) notices.push(`It has ${left} more attachments, which were left out.`);
  return { media, notices };
}

/** Errors: `media_refused`. */
export function parseMediaSource(source: string): MediaSource {
  try {
    return mediaSource.parse(JSON.parse(source));
  } catch {
    throw new HoldfastError("media_refused", "The file's source is none of a mail.");
  }
}

/** The attachment of that number. Errors: `media_refused`. */
export function attachmentOf(mail: ReadMail, index: number): FetchedMedia {
  const attachment = mail.attachments[index];
  if (attachment === undefined) {
    throw new HoldfastError("media_refused", "The mail has no such attachment any more.");
  }
  const data = bytesOf(attachment);
  const mime = attachment.mimeType.toLowerCase();
  if (data.length > emailLimits.mediaBytes) {
    throw new HoldfastError(
      "media_refused",
      `The attachment is larger than ${emailLimits.mediaBytes} bytes.`,
    );
  }
  if (!isAllowedType(mime, mediaTypes)) {
    throw new HoldfastError("media_refused", `Attachments of the type ${mime} are not taken.`);
  }
  return { mime, data };
}

function bytesOf({ content }: Attachment): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : new Uint8Array(content);
}

function isOutlookContainer({ mimeType, filename }: Attachment): boolean {
  return (
    /^application\/(vnd\.)?ms-tnef$/.test(mimeType) || filename?.toLowerCase() === "winmail.dat"
  );
}

function kindOf(mime: string): MediaReference["kind"] {
  const [family] = mime.split("/", 1);
  return family === "image" || family === "audio" || family === "video" ? family : "file";
}
