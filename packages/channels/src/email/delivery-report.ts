import type { Attachment } from "postal-mime";
import { isMailAddress, messageIds, readOwnMessageId } from "./addresses.ts";
import { emailLimits } from "./limits.ts";
import { oneLine, type ReadMail } from "./read-mail.ts";

/** That a mail of this account did not arrive. */
export interface DeliveryReport {
  readonly messageId: string;
  readonly key: string;
  readonly thread?: string;
  readonly recipient: string;
  readonly reason: string;
}

/**
 * Reads a delivery status notification (RFC 3464): a report about a mail of this account, `delayed` for
 * one that says nothing final, undefined for any other mail.
 */
export function readDeliveryReport(
  mail: ReadMail,
  domain: string,
): DeliveryReport | "delayed" | undefined {
  if (!/^multipart\/report\b.*report-type\s*=\s*"?delivery-status/s.test(mail.contentType)) {
    return undefined;
  }
  const status = mail.attachments.find(({ mimeType }) =>
    /^message\/(global-)?delivery-status$/.test(mimeType),
  );
  const original = mail.attachments.find(({ mimeType }) =>
    /^(message\/(rfc822|global)(-headers)?|text\/rfc822-headers)$/.test(mimeType),
  );
  if (status === undefined || original === undefined) return undefined;
  const fields = parseFields(textOf(status));
  if (!/^failed(?![\w-])/i.test(fields.get("action") ?? "")) return "delayed";
  const headers = parseFields(textOf(original).split(/\r?\n\r?\n/, 1)[0] ?? "");
  const [messageId] = messageIds(headers.get("message-id"));
  const own = messageId === undefined ? undefined : readOwnMessageId(messageId, domain);
  const recipient = addressOf(fields.get("original-recipient") ?? fields.get("final-recipient"));
  if (messageId === undefined || own === undefined || recipient === undefined) return undefined;
  const words = fields.get("diagnostic-code")?.replace(/^[^;]*;/, "") ?? "";
  return {
    messageId,
    ...own,
    recipient,
    reason: oneLine(
      `The mail came back: ${fields.get("status") ?? ""} ${words}`,
      emailLimits.answerChars,
    ),
  };
}

/** Header fields, the first of each name, unfolded; the groups of several recipients are one list. */
function parseFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n(?![ \t])/)) {
    const match = /^\s*([A-Za-z0-9-]+):\s*([\s\S]*)$/.exec(line);
    if (match?.[1] === undefined) continue;
    const name = match[1].toLowerCase();
    if (!fields.has(name)) fields.set(name, oneLine(match[2] ?? "", 2_000));
  }
  return fields;
}

function addressOf(field: string | undefined): string | undefined {
  const address = field
    ?.replace(/^[^;]*;/, "")
    .trim()
    .replace(/^<(.*)>$/, "$1")
    .toLowerCase();
  return address !== undefined && isMailAddress(address) ? address : undefined;
}

function textOf({ content }: Attachment): string {
  const bytes =
    typeof content === "string" ? Buffer.from(content) : Buffer.from(new Uint8Array(content));
  return bytes.subarray(0, emailLimits.headerBytes).toString("latin1");
}
