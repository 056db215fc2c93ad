const textMaxBytes = 2_000;
const styleNames = ["BOLD", "ITALIC", "SPOILER", "STRIKETHROUGH", "MONOSPACE"];

export interface Send {
  readonly chat: string;
  readonly isGroup: boolean;
  readonly text: string;
}

/** The parameters of `send`, and what is wrong with them. */
export function readSend(params: Record<string, unknown>): Send | string {
  const { recipient, groupId, message, textStyle, quoteTimestamp } = params;
  const people: unknown[] = Array.isArray(recipient) ? recipient : [recipient];
  const chat = groupId ?? people[0];
  if (typeof chat !== "string" || chat === "") return "No recipients given";
  if (typeof message !== "string" || message === "") return "Sending empty message is not allowed";
  if (Buffer.byteLength(message) > textMaxBytes) return `The text has over ${textMaxBytes} bytes`;
  const styles: unknown[] = Array.isArray(textStyle)
    ? textStyle
    : textStyle === undefined
      ? []
      : [textStyle];
  for (const style of styles) {
    const [, start, length, name] = /^(\d+):(\d+):(.+)$/.exec(String(style)) ?? [];
    if (name === undefined || !styleNames.includes(name))
      return `Invalid textStyle ${String(style)}`;
    const end = Number(start) + Number(length);
    if (Number(length) === 0 || end > message.length)
      return `A style leaves the text: ${String(style)}`;
  }
  if (quoteTimestamp !== undefined && typeof params["quoteAuthor"] !== "string") {
    return "A quote needs its author";
  }
  return {
    chat,
    isGroup: groupId !== undefined,
    text: message,
  };
}
