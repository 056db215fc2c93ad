import { domainOf } from "./addresses.ts";
import { type AuthenticationResult, parseAuthenticationResults } from "./authentication-results.ts";
import type { ReadMail } from "./read-mail.ts";

/**
 * Whether the server that took the mail says that its sender is genuine: DMARC passed, or DKIM or SPF, for
 * the sender's own domain. Only the topmost header of that server counts: what stands below may have come
 * with the mail. True for all mails when no server is named.
 */
export function isGenuine(
  { headers }: Pick<ReadMail, "headers">,
  from: string,
  server: string | undefined,
): boolean {
  if (server === undefined) return true;
  const domain = domainOf(from);
  for (const header of headers.get("authentication-results") ?? []) {
    const said = parseAuthenticationResults(header);
    // One that cannot be read may be the server's: those below it prove nothing.
    if (said === undefined) return false;
    if (said.server === server.toLowerCase()) {
      return said.results.some((result) => isAbout(result, domain));
    }
  }
  return false;
}

function isAbout({ method, result, properties }: AuthenticationResult, domain: string): boolean {
  const value = (name: string) => properties.get(name);
  if (result !== "pass") return false;
  if (method === "dmarc") return isWithin(value("header.from"), domain);
  if (method === "dkim") return isWithin(value("header.d") ?? value("header.i"), domain);
  return method === "spf" && isWithin(value("smtp.mailfrom"), domain);
}

function isWithin(signer: string | undefined, domain: string): boolean {
  return signer !== undefined && domainOf(signer) === domain;
}
