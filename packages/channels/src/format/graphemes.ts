const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });

/** The last border between characters as people see them, at or before `index`. */
export function graphemeBorder(text: string, index: number): number {
  if (index >= text.length) return text.length;
  return segmenter.segment(text).containing(index)?.index ?? 0;
}

/** The last border between code points at or before `index`. */
export function codePointBorder(text: string, index: number): number {
  const unit = text.charCodeAt(index);
  const before = text.charCodeAt(index - 1);
  const inPair = unit >= 0xdc00 && unit <= 0xdfff && before >= 0xd800 && before <= 0xdbff;
  return inPair ? index - 1 : index;
}

const wide =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Columns that the text takes in a monospace font. */
export function displayWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += wide.test(segment) ? 2 : 1;
  return width;
}
