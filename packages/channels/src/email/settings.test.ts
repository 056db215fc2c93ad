import { describe, expect, test } from "vitest";
import { emailSettings } from "./settings.ts";

const password = { fromEnv: "MAIL_PASSWORD" };
const settings = {
  address: "Agent@Example.org",
  imap: { host: "imap.example.org", user: "agent", password },
  smtp: { host: "smtp.example.org", user: "agent", password },
};

function faultOf(change: (copy: any) => void): string {
  const copy = structuredClone(settings);
  change(copy);
  const parsed = emailSettings.safeParse(copy);
  return parsed.success
    ? ""
    : parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join();
}

describe("the settings", () => {
  test("are encrypted and read the inbox unless they say otherwise", () => {
    expect(emailSettings.parse(settings)).toMatchObject({
      address: "agent@example.org",
      imap: { security: "tls", mailbox: "INBOX", markSeen: true },
      smtp: { security: "tls" },
      answersPerHour: 30,
    });
  });

  test("allow plain on this machine alone", () => {
    expect(faultOf((copy) => (copy.imap.security = "plain"))).toContain(
      "imap.security: plain is for",
    );
    expect(faultOf((copy) => (copy.smtp.security = "plain"))).toContain(
      "smtp.security: plain is for",
    );
    for (const host of ["localhost", "127.0.0.1", "::1"]) {
      expect(faultOf((copy) => Object.assign(copy.imap, { host, security: "plain" }))).toBe("");
    }
    for (const host of ["127.0.0.1.example.org", "localhost.example.org"]) {
      expect(faultOf((copy) => Object.assign(copy.imap, { host, security: "plain" }))).not.toBe("");
    }
  });

  test.each([
    ["a name with a line end", (copy: any) => (copy.displayName = "A\r\nBcc: x")],
    ["an address that is none", (copy: any) => (copy.address = "agent")],
    ["a password in plain text", (copy: any) => (copy.imap.password = "secret")],
    ["a user without a password", (copy: any) => delete copy.smtp.password],
    ["an unknown field", (copy: any) => (copy.color = "red")],
    ["a host with a path", (copy: any) => (copy.smtp.host = "x.example/y")],
  ])("refuse %s", (_, change) => {
    expect(faultOf(change)).not.toBe("");
  });
});
