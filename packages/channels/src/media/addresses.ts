import ipaddr from "ipaddr.js";

/** Everything that is not `unicast` in IANA's registries is refused, and IPv6 outside of what is given out. */
const globalIPv6 = ipaddr.IPv6.parseCIDR("2000::/3");

/** True for an IP address that anybody on the Internet can reach; false for all others, and for what is none. */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  // An IPv4 address inside an IPv6 one counts as what it is.
  const address = ipaddr.process(text);
  if (address.range() !== "unicast") return false;
  return address.kind() === "ipv4" || address.match(globalIPv6);
}

/** The IP address that the host of a URL is written as; undefined for a name. */
export function literalAddress(url: URL): string | undefined {
  // Only a parsed URL may be asked: 0x7f000001, 2130706433 and 127.1 have become 127.0.0.1 in it.
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return ipaddr.isValid(host) ? host : undefined;
}

/**
 * Whether a platform's API is one that the operator runs in a network of his own: then its files may
 * lie there, too. Only what the URL itself says counts, not what a name resolves to.
 */
export function isPrivateBase(baseUrl: string): boolean {
  const url = new URL(baseUrl);
  const address = literalAddress(url);
  if (address !== undefined) return !isPublicAddress(address);
  return /(^|\.)localhost\.?$/.test(url.hostname);
}
