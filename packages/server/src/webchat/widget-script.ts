import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** In the order in which they need each other. */
const parts = [
  "styles.js",
  "elements.js",
  "markup.js",
  "storage.js",
  "connection.js",
  "view.js",
  "widget.js",
] as const;

export interface WidgetScript {
  readonly text: string;
  readonly etag: string;
}

let made: WidgetScript | undefined;

/** The widget as one script: its modules one after the other, with what binds them taken away. */
export function widgetScript(): WidgetScript {
  made ??= make();
  return made;
}

function make(): WidgetScript {
  const modules = parts.map((name) =>
    read(name)
      .replaceAll(/^import .*;\n/gm, "")
      .replaceAll(/^export /gm, ""),
  );
  const text = `(() => {\n"use strict";\n${modules.join("\n")}\n})();\n`;
  const etag = `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
  return { text, etag };
}

function read(name: string): string {
  return readFileSync(new URL(`./widget/${name}`, import.meta.url), "utf8");
}
