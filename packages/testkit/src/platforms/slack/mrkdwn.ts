/** What Slack's documentation says about the text of a message; undefined when nothing is wrong. */
export function mrkdwnFault(text: string): string | undefined {
  if (/&(?!(amp|lt|gt);)/.test(text)) return "an unescaped &";
  const rest = text.replaceAll(token, "");
  if (rest.includes("<")) return "an unescaped <";
  // At the beginning of a line it is a quote.
  if (/[^\n>][ \t]*>/.test(rest.replaceAll(/^>+/gm, ""))) return "an unescaped >";
  return undefined;
}

const token =
  /<(@[UW][A-Z0-9]+|#C[A-Z0-9]+|![a-z][^<>]*|(https?:\/\/|mailto:|tel:)[^<>|\s]+)(\|[^<>\n]*)?>/g;

/** As people read it: without markup, entities decoded. */
export function shownText(text: string): string {
  const parts = text.split(/(```[\s\S]*?```|`[^`\n]+`)/);
  return parts
    .map((part, index) =>
      index % 2 === 1 ? part.replace(/^```\n?|\n?```$|^`|`$/g, "") : withoutMarks(part),
    )
    .join("")
    .replaceAll(/<([^<>|]*)\|([^<>]*)>/g, "$2")
    .replaceAll(/<([^<>|]*)>/g, "$1")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function withoutMarks(text: string): string {
  return ["\\*", "_", "~"].reduce(
    (rest, mark) =>
      rest.replaceAll(
        new RegExp(
          `(?<![\\p{L}\\p{N}${mark}])${mark}(?=\\S)([^\\n]*?\\S)${mark}(?![\\p{L}\\p{N}${mark}])`,
          "gu",
        ),
        "$1",
      ),
    text,
  );
}
