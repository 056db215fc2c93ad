import type { IncomingHttpHeaders } from "node:http";

/**
 * Whether the page that a browser shows may open the chat: one that the account lists, or one of the nodes'
 * own. Browsers always name the page's origin; what names none is no browser and may not.
 */
export function isAllowedOrigin(
  { origin, host }: Pick<IncomingHttpHeaders, "origin" | "host">,
  {
    allowedOrigins,
    addresses,
  }: { readonly allowedOrigins: readonly string[]; readonly addresses: readonly string[] },
): boolean {
  if (origin === undefined || !URL.canParse(origin)) return false;
  if (allowedOrigins.includes(origin) || addresses.includes(origin)) return true;
  return host !== undefined && new URL(origin).host === host;
}
