import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAuthenticationResults } from "./authentication-results.ts";
import { isGenuine } from "./authenticity.ts";
import { emailLimits } from "./limits.ts";

function genuine(...headers: string[]): boolean {
  const mail = { headers: new Map([["authentication-results", headers]]) };
  return isGenuine(mail, "ceo@bank.com", "mx.example.org");
}

describe("Authentication-Results", () => {
  test("are read with versions, comments, quotations and space around", () => {
    const header = `"MX.example.org" 1 (of (us)) ; dkim/1=pass(good)\r\n\treason = "2; of 3" header.i=@Bank.com header.b=aB/c+= header.d = bank.com; none;SPF = fail smtp.mailfrom= smtp.helo=x`;
    const read = parseAuthenticationResults(header);
    expect(read?.server).toBe("mx.example.org");
    expect(read?.results.map((one) => ({ ...one, properties: [...one.properties] }))).toEqual([
      {
        method: "dkim",
        result: "pass",
        properties: [
          ["reason", "2__of_3"],
          ["header.i", "@bank.com"],
          ["header.b", "ab/c+="],
          ["header.d", "bank.com"],
        ],
      },
      {
        method: "spf",
        result: "fail",
        properties: [
          ["smtp.mailfrom", ""],
          ["smtp.helo", "x"],
        ],
      },
    ]);
  });

  test.each([
    "",
    "  ",
    "(only a comment)",
    'mx.example.org; spf=pass smtp.mailfrom="x; dmarc=pass',
    "mx.example.org; dmarc=pass header.from=bank.com (",
    "mx.example.org; spf=pass smtp.mailfrom=a\\;dmarc=pass",
    "mx.example.org; spf=fail (helo ) ; dmarc=pass header.from=bank.com ) smtp.mailfrom=evil.com",
    'mx.example.org; spf=pass (mx: domain of "a); dmarc=pass header.from=bank.com ("@evil.org designates 192.0.2.1) smtp.mailfrom=evil.org',
    `mx.example.org${" ".repeat(emailLimits.authenticationResultsChars)}`,
  ])("are none of %j", (header) => {
    expect(parseAuthenticationResults(header)).toBeUndefined();
  });

  test.each([
    "mx.example.org; dmarc=pass header.from=bank.com",
    "mx.example.org; spf=none; dmarc=pass (p=reject (dis=none)) header.from=Bank.com",
    "mx.example.org; dkim=pass header.i=@bank.com header.s=k header.b=a=",
    'mx.example.org; spf=pass (says \\"we\\)\\") smtp.mailfrom="o; neil"@bank.com',
    'mx.example.org; spf=pass smtp.mailfrom="ceo@bank.com"',
    "mx.example.org; spf=pass smtp.mailfrom=back+you=there.example@bank.com",
  ])("prove the sender: %s", (header) => {
    expect(genuine(header)).toBe(true);
  });

  // As these servers write them; the names are others.
  const written: readonly (readonly [server: string, header: string])[] = [
    [
      "Gmail",
      "mx.example.org;\r\n       dkim=pass header.i=@bank.com header.s=20230601 header.b=AbC1d+2E;\r\n       arc=pass (i=1 spf=pass spfdomain=bank.com dkim=pass dkdomain=bank.com dmarc=pass fromdomain=bank.com);\r\n       spf=pass (google.com: domain of ceo@bank.com designates 192.0.2.1 as permitted sender) smtp.mailfrom=ceo@bank.com;\r\n       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=bank.com;\r\n       dara=neutral header.i=@gmail.com",
    ],
    [
      "Exchange",
      "mx.example.org 1; spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=bank.com; dkim=pass (signature was verified)\r\n header.d=bank.com;dmarc=pass action=none header.from=bank.com;compauth=pass\r\n reason=100",
    ],
    ["OpenDMARC", "mx.example.org; dmarc=pass (p=none dis=none) header.from=bank.com"],
    [
      "OpenDKIM",
      'mx.example.org;\r\n\tdkim=pass (2048-bit key; secure) header.d=bank.com header.i=@bank.com header.a=rsa-sha256 header.s=mail header.b="aB/c+D1=";\r\n\tdkim-atps=neutral',
    ],
    [
      "Postfix with policyd-spf",
      "mx.example.org; spf=pass (sender SPF authorized) smtp.mailfrom=bank.com (client-ip=192.0.2.1; helo=out.bank.com; envelope-from=ceo@bank.com; receiver=<UNKNOWN>)",
    ],
    [
      "Rspamd",
      "mx.example.org;\r\n\tdkim=pass header.d=bank.com header.s=s1 header.b=aBcD1234;\r\n\tdmarc=pass (policy=reject) header.from=bank.com;\r\n\tspf=pass (mx.example.org: domain of ceo@bank.com designates 192.0.2.1 as permitted sender) smtp.mailfrom=ceo@bank.com",
    ],
    [
      "Fastmail",
      "mx.example.org;\r\n    arc=none (no signatures found);\r\n    bimi=skipped (DMARC Policy is not at enforcement);\r\n    dkim=pass (2048-bit rsa key sha256) header.d=bank.com header.i=@bank.com\r\n      header.b=Ab12+/== header.a=rsa-sha256 header.s=fm1 x-bits=2048;\r\n    dmarc=pass policy.published-domain-policy=none\r\n      policy.applied-disposition=none policy.evaluated-disposition=none\r\n      (p=none,d=none,d.eval=none) policy.policy-from=p header.from=bank.com;\r\n    iprev=pass smtp.remote-ip=192.0.2.1 (out.bank.com);\r\n    spf=pass smtp.mailfrom=ceo@bank.com smtp.helo=out.bank.com;\r\n    x-aligned-from=pass (Address match)",
    ],
  ];
  test.each(written)("of %s are understood", (_, header) => {
    expect(genuine(header)).toBe(true);
    // Each pass alone proves it; without any nothing does.
    const results = header.split(/;(?![^(]*\))/);
    for (const one of results.slice(1).filter((part) => /^\s*(dkim|spf|dmarc)=pass/.test(part))) {
      expect(genuine(`${results[0]};${one}`)).toBe(true);
    }
    expect(genuine(header.replaceAll("=pass", "=fail"))).toBe(false);
  });

  test.each([
    "mx.example.org; dmarc=pass",
    "mx.example.org; dmarc=pass policy.dmarc=none",
    "mx.example.org; dmarc=pass header.from=evil.com",
    'mx.example.org; spf=pass smtp.mailfrom="x; dmarc=pass "@evil.com; dkim=none',
    'mx.example.org; dmarc=fail header.from=bank.com; spf=pass smtp.mailfrom="a;dmarc=pass header.from=bank.com "@evil.com',
    'mx.example.org; spf=pass smtp.mailfrom="x smtp.mailfrom=bank.com "@evil.com',
    "mx.example.org; spf=fail (a \\) ; dmarc=pass header.from=bank.com ) smtp.mailfrom=evil.com",
    "mx.example.org; spf=fail (a (b) ; dmarc=pass header.from=bank.com) smtp.mailfrom=evil.com",
    "mx.example.org; spf=pass smtp.mailfrom= smtp.helo=x@bank.com",
    "mx.example.org; x dmarc=pass header.from=bank.com",
  ])("prove nothing: %s", (header) => {
    expect(genuine(header)).toBe(false);
  });

  test("below one that cannot be read prove nothing, as it may be the server's", () => {
    const pass = "mx.example.org; dmarc=pass header.from=bank.com";
    expect(genuine("mx.other.example; dmarc=fail", pass)).toBe(true);
    expect(genuine('mx.example.org; spf=pass smtp.mailfrom="', pass)).toBe(false);
  });

  test("give the same verdict whatever stands in quotations and comments", () => {
    const forged = fc
      .array(
        fc.constantFrom(
          ...Array.from('"\\();= \t@.x'),
          "dmarc=pass",
          "dkim=pass",
          "spf=pass",
          "header.from=bank.com",
          "header.d=bank.com",
          "smtp.mailfrom=bank.com",
          "bank.com",
          "mx.example.org;",
        ),
        { maxLength: 12 },
      )
      .map((words) => words.join(""));
    const headers = (quoted: string, comment: string, result: string) =>
      `mx.example.org ${comment}; dkim=fail${comment} reason=${quoted} header.d=evil.com; spf=pass smtp.mailfrom=${quoted}@evil.com ${comment}; dmarc=${result} ${comment}header.from=bank.com`;
    fc.assert(
      fc.property(forged, forged, (inQuotes, inComment) => {
        const quoted = `"${inQuotes.replace(/["\\]/g, "\\$&")}"`;
        const comment = `(${inComment.replace(/[()\\"]/g, "\\$&")})`;
        expect(genuine(headers(quoted, comment, "fail"))).toBe(false);
        expect(genuine(headers(quoted, comment, "pass"))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each(["x", "x ", "x=", "=", ";", "(", '"', "\\"])(
    "take time in proportion to their length for many %j",
    (part) => {
      const begin = performance.now();
      genuine(
        `mx.example.org;${part.repeat(emailLimits.authenticationResultsChars / part.length - 20)}`,
      );
      expect(performance.now() - begin).toBeLessThan(1_000);
    },
  );
});
