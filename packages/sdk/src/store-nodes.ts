import { HoldfastError } from "@holdfast/core";
import { neverConnected } from "./errors.ts";
import { clientLimits } from "./limits.ts";
import { mayRepeat, type Repeat } from "./retry.ts";

/**
 * The store nodes that an error points to. The token goes there too, so never to an address that is less
 * well guarded than the one it was given for.
 */
export function storeNodeUrls(thrown: unknown, base: string): string[] {
  if (!(thrown instanceof HoldfastError) || thrown.code !== "store_node_required") return [];
  return thrown.details
    .filter(({ path, message }) => path === "url" && mayGetToken(message, base))
    .map(({ message }) => message.replace(/\/+$/, ""))
    .filter((url, index, all) => url !== base && all.indexOf(url) === index)
    .slice(0, clientLimits.storeNodeUrls);
}

/** Whether the next of several store nodes may be asked after one failed. */
export function mayAskAnother(thrown: unknown, repeat: Repeat): boolean {
  if (!(thrown instanceof HoldfastError)) return false;
  return neverConnected(thrown) || mayRepeat(thrown, repeat);
}

/** Whether a token that was given for `base` may go to another address of the cluster. */
export function mayGetToken(text: string, base: string): boolean {
  const url = URL.parse(text);
  if (!url || url.username || url.password) return false;
  if (url.protocol === "https:") return true;
  const isLoopback = /^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})$/.test(url.hostname);
  return url.protocol === "http:" && isLoopback && base.startsWith("http:");
}
