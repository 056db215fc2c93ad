import { isUtf8 } from "node:buffer";
import PostalMime, { type Attachment, type Email, type PostalMimeOptions } from "postal-mime";
import { emailLimits } from "./limits.ts";

/** A part of a mail as the parser holds it before it decodes its text. */
interface Part {
  content: ArrayBuffer | null;
  readonly contentType: {
    readonly parsed: { value: string; readonly params: Record<string, string> };
  };
  readonly contentTransferEncoding: { readonly encoding?: string };
}

/** What the parser has and does not declare; a test tells when another version has it no more. */
interface Parser {
  readonly currentNode: Part;
  readonly mimeOptions: PostalMimeOptions;
  readonly maxRfc822NestingDepth: number;
  rfc822NestingDepth: number;
  readonly textMap: Map<Part, unknown>;
  readonly attachments: Attachment[];
  parse(source: Uint8Array | ArrayBuffer): Promise<Email>;
  processLine(line: Uint8Array, isFinal: boolean): Promise<void>;
  collectNode(part: Part, ...rest: readonly unknown[]): Promise<void>;
  collectSubMessage(part: Part): Promise<void>;
  isInlineTextNode(part: Part): boolean;
  addTextEntry(part: Part, kind: "plain" | "html", entry: { type: string; value: Email }): void;
}

const Base = PostalMime as unknown as new (options: PostalMimeOptions) => Parser;

/** What a mail and the mails in it have had so far. */
interface Counted {
  /** Without the long ones of base64, which cost little. */
  lines: number;
  textBytes: number;
}

export class TooManyLines extends Error {}

/**
 * PostalMime that also reads texts of old programs: Latin letters without a charset, or with a wrong one. Its
 * `parse` throws `TooManyLines` at the limit, and of the texts it decodes only so much: what needs all memory of a
 * thread may end the process with it.
 */
export class MimeParser extends Base {
  readonly #isWhole: boolean;
  readonly #counted: Counted;

  constructor(
    options: PostalMimeOptions,
    isWhole: boolean,
    counted: Counted = { lines: 0, textBytes: 0 },
  ) {
    super(options);
    this.#isWhole = isWhole;
    this.#counted = counted;
  }

  override processLine(line: Uint8Array, isFinal: boolean): Promise<void> {
    const { encoding } = this.currentNode.contentTransferEncoding;
    if (encoding !== "base64" || line.length < emailLimits.base64LineChars) {
      this.#counted.lines += 1;
      if (this.#counted.lines > emailLimits.lines) throw new TooManyLines();
    }
    return super.processLine(line, isFinal);
  }

  override collectNode(part: Part, ...rest: readonly unknown[]): Promise<void> {
    const { params } = part.contentType.parsed;
    this.#cutText(part);
    if (part.content !== null && isLatin(part.content, params["charset"], this.#isWhole)) {
      params["charset"] = "windows-1252";
    }
    return super.collectNode(part, ...rest);
  }

  #cutText(part: Part): void {
    if (part.content === null) return;
    const { parsed } = part.contentType;
    if (this.isInlineTextNode(part)) {
      part.content = part.content.slice(0, emailLimits.textBytes - this.#counted.textBytes);
      this.#counted.textBytes += part.content.byteLength;
    } else if (calendar.test(parsed.value) && part.content.byteLength > emailLimits.textBytes) {
      // The parser would decode it, although it is a file.
      parsed.value = "application/octet-stream";
    }
  }

  /** As PostalMime does it, but with a parser of this class for the mail in the mail. */
  override async collectSubMessage(part: Part): Promise<void> {
    const limits = { ...this.mimeOptions, maxRfc822NestingDepth: this.maxRfc822NestingDepth };
    const parser = new MimeParser(limits, this.#isWhole, this.#counted);
    parser.rfc822NestingDepth = this.rfc822NestingDepth + 1;
    const value = await parser.parse(part.content ?? new ArrayBuffer(0));
    const [text, html] = [value.text ?? "", value.html ?? ""];
    const entry = { type: "subMessage", value };
    if (text !== "" || html === "") this.addTextEntry(part, "plain", entry);
    if (html !== "") this.addTextEntry(part, "html", entry);
    for (const [inner, texts] of parser.textMap) this.textMap.set(inner, texts);
    for (const attachment of value.attachments) this.attachments.push(attachment);
  }
}

/** True for what should be UTF-8 and is not even in part; a letter at the end of what was cut may be half. */
function isLatin(content: ArrayBuffer, charset: string | undefined, isWhole: boolean): boolean {
  if (!/^\s*(utf-?8|us-ascii)?\s*$/i.test(charset ?? "")) return false;
  if (isUtf8(content)) return false;
  const bytes = new Uint8Array(content);
  // The parser ends every line, also one that was cut.
  const text = bytes.at(-1) === newline && !isWhole ? bytes.subarray(0, -1) : bytes;
  const decoded = new TextDecoder().decode(text, { stream: !isWhole });
  return decoded.includes("\ufffd") && !/[^\0-\x7f\ufffd]/.test(decoded);
}

const newline = 0x0a;
const calendar = /^(text\/calendar|application\/ics)$/;
