import { createHash } from "node:crypto";
import type { Account } from "@holdfast/core";

interface PageSettings {
  readonly title?: string | undefined;
  readonly addresses: readonly string[];
}

const style = `
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; align-items: center; padding: 24px clamp(24px, 8vw, 140px);
  box-sizing: border-box;
  font: 17px/1.6 system-ui, sans-serif; background: #f6f7f9; color: #1a1d23; }
main { max-width: 31rem; min-width: 0; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; letter-spacing: -.02em; }
p { margin: 0 0 1rem; color: #4a5160; }
pre { margin: 0; padding: 14px 16px; border-radius: 12px; background: #fff; border: 1px solid #e2e5ea;
  white-space: pre-wrap; overflow-wrap: anywhere; font: 13.5px/1.5 ui-monospace, monospace; }
@media (prefers-color-scheme: dark) {
  body { background: #101216; color: #eceef2; }
  p { color: #a4abb8; }
  pre { background: #181b21; border-color: #2a2f38; }
}
`;

/** A page that shows an account's chat, to try it and to copy from. */
export function demoPage(account: Pick<Account, "organization" | "name">, settings: PageSettings) {
  const { organization, name } = account;
  const path = `/chat/${organization}/${name}/widget.js`;
  const title = settings.title ?? name;
  const [host = "https://NODE"] = settings.addresses;
  const example = `<script src="${host}${path}" defer></script>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${style}</style>
<script src="${path}" data-open defer></script>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p>This page shows the chat as any page does that holds this line:</p>
<pre>${escaped(example)}</pre>
</main>
</body>
</html>
`;
}

/** Nothing but its own script and style: what an answer may hold cannot run. */
export function demoPagePolicy({ addresses }: PageSettings): string {
  const sockets = addresses.map((address) => address.replace(/^http/, "ws"));
  const hash = createHash("sha256").update(style).digest("base64");
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'sha256-${hash}'`,
    ["connect-src 'self'", ...sockets].join(" "),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types holdfast-chat",
  ].join("; ");
}

function escaped(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}
