import { describe, expect, it } from "vitest";
import { isAllowedOrigin } from "./origins.ts";

const settings = {
  allowedOrigins: ["https://www.example.org"],
  addresses: ["https://chat.example.org"],
};

describe("a page", () => {
  it.each(["https://www.example.org", "https://chat.example.org", "https://node.example.org:8443"])(
    "at %s may open the chat",
    (origin) => {
      expect(isAllowedOrigin({ origin, host: "node.example.org:8443" }, settings)).toBe(true);
    },
  );

  it.each([
    undefined,
    "null",
    "",
    "http://www.example.org",
    "https://www.example.org:444",
    "https://www.example.org.evil.example",
    "https://evil.example/?https://www.example.org",
    "https://example.org",
    "https://node.example.org",
  ])("at %s may not", (origin) => {
    const headers = { host: "node.example.org:8443", ...(origin !== undefined && { origin }) };
    expect(isAllowedOrigin(headers, settings)).toBe(false);
  });
});
