import { formatWeb } from "./web.ts";

/** One mail: the text, and the same as a page of HTML without anything from elsewhere. */
export function formatEmail(markdown: string): { readonly html: string; readonly text: string } {
  const { html, plain } = formatWeb(markdown);
  return {
    html: `<!doctype html>\n<html>\n<head><meta charset="utf-8"></head>\n<body>\n${html}\n</body>\n</html>\n`,
    text: `${plain}\n`,
  };
}
