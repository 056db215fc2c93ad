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
  const head = splitsPair(text, headChars) ? headChars - 1 : headChars;
  const from = text.length - (room - headChars);
  const tail = splitsPair(text, from) ? from + 1 : from;
  return text.slice(0, head) + marker + text.slice(tail);
}

function splitsPair(text: string, position: number): boolean {
  const before = text.charCodeAt(position - 1);
  const after = text.charCodeAt(position);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}
