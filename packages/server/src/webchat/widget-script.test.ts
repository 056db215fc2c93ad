import { Script } from "node:vm";
import { describe, expect, it } from "vitest";
import { demoPage, demoPagePolicy } from "./demo-page.ts";
import { widgetScript } from "./widget-script.ts";

describe("the widget", () => {
  const { text, etag } = widgetScript();

  it("is one script without imports, known by its content", () => {
    expect(() => new Script(text)).not.toThrow();
    expect(text).not.toMatch(/^\s*(import|export) /m);
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    expect(widgetScript().etag).toBe(etag);
  });

  it("does nothing that a strict page policy forbids", () => {
    for (const word of [
      "innerHTML",
      "outerHTML",
      "insertAdjacentHTML",
      "document.write",
      "eval(",
    ]) {
      expect(text).not.toContain(word);
    }
    expect(text).not.toMatch(/setAttribute\(\s*"(on|style)/);
    expect(text).not.toMatch(/new Function|\.on[a-z]+ = /);
  });
});

describe("the demo page", () => {
  const account = { organization: "acme", name: "site" };

  it("shows a title as text", () => {
    const page = demoPage(account, { title: '</title><script>"x"</script>', addresses: [] });
    expect(page).toContain("&lt;/title&gt;&lt;script&gt;&quot;x&quot;&lt;/script&gt;");
    expect(page.match(/<script/g)).toHaveLength(1);
  });

  it("lets nothing run but the widget, which may reach the nodes", () => {
    const policy = demoPagePolicy({ addresses: ["https://one.example.org"] });
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self' wss://one.example.org;");
    expect(policy).not.toContain("unsafe");
  });
});
