import { emailLimits } from "./limits.ts";

/**
 * The new part of a mail: without the signature below "-- ", and in an answer without the earlier mail
 * quoted at its end. Whenever it is not clear what is new, everything stays.
 */
export function trimText(text: string, isAnswer: boolean): string {
  let lines = text.replace(/\r\n?/g, "\n").split("\n");
  // A signature may stand above the quotation or below it.
  for (let round = 0; round < 3; round += 1) {
    const before = lines.length;
    lines = withoutSignature(lines);
    if (isAnswer) lines = withoutQuotation(lines);
    if (lines.length === before) break;
  }
  return lines.join("\n").trim();
}

function withoutSignature(lines: readonly string[]): string[] {
  const mark = lines.lastIndexOf("-- ");
  const isSignature =
    mark > 0 &&
    trimEnd(lines).length - mark - 1 <= emailLimits.signatureLines &&
    lines.slice(mark + 1).every((line) => !isQuoted(line));
  return isSignature ? keepSomething(lines, mark) : [...lines];
}

function withoutQuotation(lines: readonly string[]): string[] {
  const cut = quotedTail(lines) ?? forwardedTail(lines);
  return cut === undefined ? [...lines] : keepSomething(lines, cut);
}

/** Where the last lines are all quoted, and a line above says so: "On ... wrote:". */
function quotedTail(lines: readonly string[]): number | undefined {
  let start = trimEnd(lines).length;
  if (start === 0 || !isQuoted(lines[start - 1] ?? "")) return undefined;
  while (start > 0 && (isQuoted(lines[start - 1] ?? "") || lines[start - 1]?.trim() === "")) {
    start -= 1;
  }
  // An answer between the quoted lines refers to them.
  if (lines.slice(0, start).some(isQuoted)) return undefined;
  let introduction = start;
  const lowest = Math.max(0, start - emailLimits.introductionLines);
  while (introduction > lowest && lines[introduction - 1]?.trim() !== "") introduction -= 1;
  const said = lines.slice(introduction, start).join(" ").trim();
  return said.endsWith(":") && /\d|@/.test(said) ? introduction : undefined;
}

/** Where a block of "From:", "Sent:", "To:" and "Subject:" in any language begins below a line. */
function forwardedTail(lines: readonly string[]): number | undefined {
  const mark = lines.findIndex((line) =>
    /^(_{10,}|-{2,} ?(Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Messaggio originale|Oorspronkelijk bericht) ?-{2,})$/i.test(
      line.trim(),
    ),
  );
  if (mark <= 0) return undefined;
  const block = lines.slice(mark + 1, mark + 8).filter((line) => line.trim() !== "");
  const headers = block.findIndex((line) => !/^\*?\p{L}[\p{L} ]{0,20}:\*? /u.test(line));
  const count = headers < 0 ? block.length : headers;
  const names = block.slice(0, count).join("\n");
  return count >= 3 && names.includes("@") ? mark : undefined;
}

function keepSomething(lines: readonly string[], until: number): string[] {
  const kept = lines.slice(0, until);
  return kept.some((line) => line.trim() !== "") ? kept : [...lines];
}

function isQuoted(line: string): boolean {
  return line.startsWith(">");
}

function trimEnd(lines: readonly string[]): readonly string[] {
  let end = lines.length;
  while (end > 0 && lines[end - 1]?.trim() === "") end -= 1;
  return lines.slice(0, end);
}
