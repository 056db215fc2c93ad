/** Headers of a mail or of a part: names in lower case, values unfolded, the first of each name. */
export function headersOf(source: string): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const line of headOf(source).split(/\r\n(?![ \t])/)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    if (colon > 0 && !headers.has(name)) {
      headers.set(
        name,
        line
          .slice(colon + 1)
          .replace(/\r\n/g, "")
          .trim(),
      );
    }
  }
  return headers;
}

/** The first text/plain part, decoded: what people see of a mail in a reader without HTML. */
export function plainTextOf(source: string): string | undefined {
  const headers = headersOf(source);
  const type = headers.get("content-type") ?? "text/plain";
  const body = source.slice(headOf(source).length).replace(/^(\r\n){1,2}/, "");
  const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1];
  if (/^multipart\//i.test(type) && boundary !== undefined) {
    for (const part of body.split(`--${boundary}`).slice(1)) {
      const text = plainTextOf(part.replace(/^\r\n/, ""));
      if (text !== undefined) return text;
    }
    return undefined;
  }
  if (!/^text\/plain/i.test(type)) return undefined;
  const bytes = decode(body, headers.get("content-transfer-encoding")?.toLowerCase() ?? "7bit");
  return bytes.toString("utf8").replace(/\r\n/g, "\n").trimEnd();
}

function headOf(source: string): string {
  const end = source.indexOf("\r\n\r\n");
  return end < 0 ? source : source.slice(0, end);
}

function decode(body: string, encoding: string): Buffer {
  if (encoding === "base64") return Buffer.from(body, "base64");
  if (encoding !== "quoted-printable") return Buffer.from(body, "latin1");
  const text = body
    .replace(/=\r\n/g, "")
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  return Buffer.from(text, "latin1");
}
