import type { MediaReference } from "@holdfast/core";
import { contactLines } from "./limits.ts";
import type { MessagePayload } from "./payload.ts";

export interface Content {
  readonly text: string;
  readonly media: readonly MediaReference[];
}

/** What a message says, in words; undefined for types that an agent cannot read. */
export function contentOf(message: MessagePayload): Content | undefined {
  const words = wordsOf(message);
  if (words !== undefined) return { text: words, media: [] };
  for (const [type, kind] of mediaKinds) {
    const part = message[type];
    if (message.type !== type || part === undefined) continue;
    const media: MediaReference = {
      kind,
      source: part.id,
      ...(part.filename === undefined ? {} : { name: part.filename }),
      ...(part.mime_type === undefined ? {} : { mime: part.mime_type }),
    };
    return { text: part.caption ?? "", media: [media] };
  }
  return undefined;
}

const mediaKinds = [
  ["image", "image"],
  ["sticker", "image"],
  ["audio", "audio"],
  ["video", "video"],
  ["document", "file"],
] as const;

function wordsOf(message: MessagePayload): string | undefined {
  const { interactive } = message;
  switch (message.type) {
    case "text":
      return message.text?.body;
    case "button":
      return message.button?.text ?? message.button?.payload;
    case "interactive":
      if (interactive?.list_reply !== undefined) {
        const { title, description } = interactive.list_reply;
        return description === undefined ? title : `${title}\n${description}`;
      }
      return interactive?.button_reply?.title ?? interactive?.nfm_reply?.response_json;
    case "location":
      return locationWords(message.location);
    case "contacts":
      return contactWords(message.contacts);
    default:
      return undefined;
  }
}

function locationWords(location: MessagePayload["location"]): string | undefined {
  if (location === undefined) return undefined;
  const point = `${location.latitude}, ${location.longitude}`;
  return ["Location:", location.name, location.address, point].filter(isText).join("\n");
}

function contactWords(contacts: MessagePayload["contacts"]): string | undefined {
  if (contacts === undefined || contacts.length === 0) return undefined;
  const lines = contacts.map((contact) =>
    [
      "Contact:",
      contact.name?.formatted_name,
      ...(contact.phones ?? []).map((one) => one.phone),
      ...(contact.emails ?? []).map((one) => one.email),
    ]
      .filter(isText)
      .join(" "),
  );
  return lines.slice(0, contactLines).join("\n");
}

function isText(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
