/**
 * A text of the network as it may stand on a terminal: control characters, which could move the
 * cursor, retitle the window or hide text, are shown by name; tabs and line breaks stay.
 */
export function printable(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(controls, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : "\u{FFFD}";
  });
}

/** The same on one line. */
export function oneLine(text: string): string {
  return printable(text).replace(/\s+/g, " ").trim();
}

// C0 but tab and line feed, DEL, C1, and the marks that turn the direction of writing around.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const controls = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g; // oxlint-disable-line no-control-regex
