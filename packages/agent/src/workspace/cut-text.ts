/** Where the kept beginning ends: three quarters, as the beginning of an instruction file matters most. */
const headShare = 0.75;

/**
 * A text of at most `maxChars` UTF-16 units. What is too much goes out of the middle, and a marker
 * that the model can see says how much. No surrogate pair is split.
 */
export function cutText(text: string, maxChars: number, name: string): string {
  if (text.length <= maxChars) return text;
  const marker = `\n\n[... cut: ${name} has ${text.length} characters, the limit is ${maxChars} ...]\n\n`;
  const room = maxChars - marker.length;
  if (room <= 0) return marker.trim().slice(0, maxChars);
  const headChars = Math.floor(room * headShare);
  const from = text.length - (room - headChars);
  const tail = splitsPair(text, from) ? from + 1 : from;
  return beginning(text, headChars) + marker + text.slice(tail);
}

/** The first `maxChars` UTF-16 units, or one less where that would split a surrogate pair. */
export function beginning(text: string, maxChars: number): string {
  return text.slice(0, splitsPair(text, maxChars) ? maxChars - 1 : maxChars);
}

function splitsPair(text: string, position: number): boolean {
  const before = text.charCodeAt(position - 1);
  const after = text.charCodeAt(position);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}
