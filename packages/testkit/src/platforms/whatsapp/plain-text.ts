/** As the app shows it: without the marks of bold, italic, strike-through and code. */
export function plainText(text: string): string {
  return text
    .replaceAll("```", "")
    .replaceAll(/(^|\s)([*_~])(\S(?:.*?\S)?)\2(?=\s|$|[.,:;!?])/gm, "$1$3")
    .replaceAll(/`([^`\n]+)`/g, "$1");
}
