import type { CallToolResult } from "@modelcontextprotocol/client";

/** What a tool answered, as text for the model; pictures and sound are only named. */
export function textOfContent(result: CallToolResult): string {
  const parts = result.content.map((part) => {
    switch (part.type) {
      case "text":
        return part.text;
      case "image":
      case "audio":
        return `[${part.type}, ${part.mimeType}, ${part.data.length} characters of base64]`;
      case "resource_link":
        return `[resource ${part.uri}${part.description === undefined ? "" : `: ${part.description}`}]`;
      case "resource":
        return "text" in part.resource
          ? part.resource.text
          : `[resource ${part.resource.uri}, ${part.resource.mimeType ?? "binary"}]`;
    }
  });
  const text = parts.join("\n");
  if (text !== "" || result.structuredContent === undefined) return text;
  return JSON.stringify(result.structuredContent);
}
