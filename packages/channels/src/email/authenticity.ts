import { domainOf } from "./addresses.ts";
import type { ReadMail } from "./read-mail.ts";

/**
 * Whether the server that took the mail says that its sender is genuine (RFC 8601): DMARC passed, or DKIM
 * or SPF for the sender's own domain. Only the topmost header of that server counts: what stands below
 * may have come with the mail. True for all mails when no server is named.
 */
export function isGenuine(mail: ReadMail, from: string, server: string | undefined): boolean {
  if (server === undefined) return true;
  const results = mail
    .headers("authentication-results")
    .map((value) => withoutComments(value))
    .find(
      (value) =>
        value.split(";", 1)[0]?.trim().split(/\s+/)[0]?.toLowerCase() === server.toLowerCase(),
    );
  if (results === undefined) return false;
  const domain = domainOf(from);
  return results.split(";").some((result) => {
    const words = result.trim().toLowerCase().split(/\s+/);
    const value = (name: string) =>
      words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
    const [method] = words;
    if (method === "dmarc=pass") return (value("header.from") ?? domain) === domain;
    if (method === "dkim=pass") return isWithin(value("header.d") ?? value("header.i"), domain);
    return method === "spf=pass" && isWithin(value("smtp.mailfrom"), domain);
  });
}

function isWithin(signer: string | undefined, domain: string): boolean {
  return signer !== undefined && domainOf(signer.replaceAll('"', "")) === domain;
}

function withoutComments(value: string): string {
  return value.replace(/\([^()]*\)/g, " ");
}
