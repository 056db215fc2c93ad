import { isIP } from "node:net";
import { HoldfastError } from "@holdfast/core";

/** Where nodes of the cluster are looked for: what `--discover` says. */
export type DiscoverSpec =
  | { readonly by: "mdns" }
  | { readonly by: "dns"; readonly name: string }
  | { readonly by: "address"; readonly urls: readonly string[] };

export const defaultApiPort = 7400;

const hostName =
  /^(?=.{1,253}\.?$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;

/** `mdns`, `dns:NAME`, `HOST[:PORT]` or an address with its scheme. Errors: `invalid_configuration`. */
export function parseDiscover(text: string): DiscoverSpec {
  if (text === "mdns") return { by: "mdns" };
  if (text.startsWith("dns:")) {
    const name = text.slice("dns:".length).replace(/\.$/, "");
    if (!isHostName(name)) throw wrong(text, "no DNS name stands after dns:");
    return { by: "dns", name };
  }
  if (/^https?:\/\//.test(text)) return { by: "address", urls: [urlOf(text)] };
  const { host, port } = splitHost(text);
  return { by: "address", urls: [addressUrl(host, port)] };
}

/** Names that end in a number are meant as IPv4 addresses, and are none (RFC 3986 and WHATWG URL). */
export function isHostName(name: string): boolean {
  return hostName.test(name) && !/(^|\.)\d+\.?$/.test(name);
}

/** An address to try. Always https: also on this machine only TLS shows who answers. */
export function addressUrl(host: string, port: number): string {
  return `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

export function isLoopbackHost(host: string): boolean {
  return (
    host === "localhost" ||
    host === "::1" ||
    host === "[::1]" ||
    (isIP(host) === 4 && host.startsWith("127."))
  );
}

function urlOf(text: string): string {
  const url = URL.parse(text);
  if (!url || url.username !== "" || url.password !== "" || url.pathname !== "/" || url.search) {
    throw wrong(text, "it is no address of a node");
  }
  if (url.protocol !== "https:") throw wrong(text, "a node is reached with https only");
  return url.origin;
}

function splitHost(text: string): { host: string; port: number } {
  const found =
    /^\[(?<host>[0-9a-f:.]+)\](?::(?<port>\d{1,5}))?$/i.exec(text) ??
    /^(?<host>[^:[\]]+)(?::(?<port>\d{1,5}))?$/.exec(text);
  const host = isIP(text) === 6 ? text : (found?.groups?.["host"] ?? "");
  const port =
    isIP(text) === 6 ? defaultApiPort : Number(found?.groups?.["port"] ?? defaultApiPort);
  if (port < 1 || port > 65_535) throw wrong(text, "a port is 1 to 65535");
  if (isIP(host) === 0 && !isHostName(host)) throw wrong(text, "it names no host");
  return { host, port };
}

function wrong(text: string, why: string): HoldfastError {
  const shown = JSON.stringify(text.slice(0, 300));
  const expected = "expected mdns, dns:NAME or HOST[:PORT]";
  return new HoldfastError("invalid_configuration", `--discover ${shown}: ${why}; ${expected}.`, {
    details: [{ path: "discover", message: expected }],
  });
}
