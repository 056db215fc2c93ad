import { createHash, webcrypto } from "node:crypto";
import { emailLimits } from "./limits.ts";

// Deliberately narrower than the standard: quoted local parts and address literals are not used by people.
const mailAddress = /^[^\s@<>()[\],;:"\\\p{Cc}]{1,64}@[^\s@<>()[\],;:"\\\p{Cc}]{1,253}$/u;
const messageId = /^[\x21-\x3b\x3d\x3f-\x7e]+$/;
const ownLocalPart = /^holdfast\.([A-Za-z0-9._-]{1,64}?)(?:\.t-([A-Za-z0-9_-]{22}))?$/;

/** True for what may stand in an envelope and in a header as it is. */
export function isMailAddress(text: string): boolean {
  return mailAddress.test(text) && !text.includes("..");
}

export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

/** 22 characters of A-Z a-z 0-9 - _ that stand for any text. */
export function shortHash(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

/** The same of a mail's whole source, which may be long: beside the node's own thread. */
export async function sourceHash(source: Uint8Array): Promise<string> {
  const digest = await webcrypto.subtle.digest("SHA-256", source);
  return Buffer.from(digest).toString("base64url").slice(0, 22);
}

/** The Message-ID of a mail of this account, without its brackets: the same for every try. */
export function ownMessageId(key: string, thread: string | undefined, domain: string): string {
  const isHash = thread !== undefined && /^[A-Za-z0-9_-]{22}$/.test(thread);
  return `holdfast.${key}${isHash ? `.t-${thread}` : ""}@${domain}`;
}

/** What a Message-ID of this account tells; undefined for all others. */
export function readOwnMessageId(
  id: string,
  domain: string,
): { readonly key: string; readonly thread?: string } | undefined {
  if (domainOf(id).toLowerCase() !== domain) return undefined;
  const match = ownLocalPart.exec(id.slice(0, id.lastIndexOf("@")));
  if (match?.[1] === undefined) return undefined;
  return match[2] === undefined ? { key: match[1] } : { key: match[1], thread: match[2] };
}

/** The Message-IDs of a header in their order, without brackets; what is none is left out. */
export function messageIds(header: string | undefined): string[] {
  if (header === undefined) return [];
  const found = header.includes("<")
    ? [...header.matchAll(/<([^<>\s]+)>/g)].map((match) => match[1] ?? "")
    : header.trim().split(/\s+/);
  return found.filter(isMessageId);
}

/** True for what may stand between the brackets of a header. */
export function isMessageId(text: string): boolean {
  return text.length > 0 && text.length <= emailLimits.messageIdChars && messageId.test(text);
}
