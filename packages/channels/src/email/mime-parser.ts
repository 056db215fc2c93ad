import { isUtf8 } from "node:buffer";
import PostalMime, { type Email, type PostalMimeOptions } from "postal-mime";

/** A part of a mail as the parser holds it before it decodes its text. */
interface Part {
  readonly content: ArrayBuffer | null;
  readonly contentType: { readonly parsed: { readonly params: Record<string, string> } };
}

/** What the parser has and does not declare; a test tells when another version has it no more. */
interface Parser {
  parse(source: Uint8Array): Promise<Email>;
  collectNode(part: Part, ...rest: readonly unknown[]): Promise<void>;
}

const Base = PostalMime as unknown as new (options: PostalMimeOptions) => Parser;

/** PostalMime that also reads texts of old programs: Latin letters without a charset, or with a wrong one. */
export class MimeParser extends Base {
  override collectNode(part: Part, ...rest: readonly unknown[]): Promise<void> {
    const { params } = part.contentType.parsed;
    if (part.content !== null && isLatin(part.content, params["charset"])) {
      params["charset"] = "windows-1252";
    }
    return super.collectNode(part, ...rest);
  }
}

/** True for what should be UTF-8 and is not even in part: a text that was only cut stays one. */
function isLatin(content: ArrayBuffer, charset: string | undefined): boolean {
  if (!/^\s*(utf-?8|us-ascii)?\s*$/i.test(charset ?? "")) return false;
  if (isUtf8(content)) return false;
  return !/[^\0-\x7f\ufffd]/.test(new TextDecoder().decode(content));
}
