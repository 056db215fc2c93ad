import type { ChatSender, InboundMessageEvent, MediaReference } from "../../ports/channel.ts";

const nameCodePointsMax = 64;
const fileNameCodePointsMax = 120;

/**
 * Control and formatting characters: a name that holds them could look like another one, or like more
 * than a name. The joiners that emoji and some scripts need stay.
 */
const invisible = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const visibleAtAll = /[^\u200c\u200d\s]/;

/**
 * What the agent reads: the text, in groups with the sender's name before it, and a line for the files.
 * The text itself is left as people wrote it.
 */
export function inputText(
  event: Pick<InboundMessageEvent, "chat" | "sender" | "text" | "media">,
): string {
  const files = event.media.length === 0 ? "" : `[${event.media.map(fileText).join("; ")}]`;
  const body = [event.text, files].filter((part) => part !== "").join("\n");
  return event.chat.kind === "direct" ? body : `${speakerName(event.sender)}: ${body}`;
}

/** A sender's name on one line; their user name or id where they have none that can be seen. */
export function speakerName({ name, username, id }: ChatSender): string {
  for (const candidate of [name, username, id]) {
    // A colon would end the name early.
    const shown = cleaned(candidate ?? "", /:/g, nameCodePointsMax);
    if (shown !== "") return shown;
  }
  return "somebody";
}

/** `image photo.jpg, image/jpeg, 20 kB` */
function fileText({ kind, name, mime, bytes }: MediaReference): string {
  const shown = cleaned(name ?? "", /[[\]]/g, fileNameCodePointsMax);
  const what = shown === "" ? kind : `${kind} ${shown}`;
  const type = cleaned(mime ?? "", /[[\]]/g, fileNameCodePointsMax);
  const size = bytes === undefined ? "" : sizeText(bytes);
  return [what, type, size].filter((part) => part !== "").join(", ");
}

function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function cleaned(text: string, unwanted: RegExp, codePointsMax: number): string {
  // Before the long work: a name may be as long as its platform allows.
  const visible = text
    .slice(0, 16 * codePointsMax)
    .toWellFormed()
    .replace(invisible, " ")
    .replace(unwanted, " ")
    .replace(/\s+/g, " ")
    .trim();
  if (!visibleAtAll.test(visible)) return "";
  const characters = [...visible];
  if (characters.length <= codePointsMax) return visible;
  return `${characters
    .slice(0, codePointsMax - 1)
    .join("")
    .trimEnd()}…`;
}
