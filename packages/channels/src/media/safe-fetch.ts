import { HoldfastError } from "@holdfast/core";
import { isPublicAddress } from "./addresses.ts";
import { type FetchRules, fetchChecked, type FileRequest } from "./fetch-checked.ts";

interface SafeFetchOptions extends FileRequest {
  /** Only where the platform's API itself stands in a private network; see `isPrivateBase`. Allows http, too. */
  readonly allowPrivate?: boolean;
}

/**
 * Fetches a file whose address somebody else chose. Never connects to an address inside a private
 * network, follows at most five redirects under the same rules, and gives up at the size, the type and
 * the time that are allowed. Errors: `media_refused`, `channel_unavailable`; none of them quotes the URL,
 * which may hold a secret.
 */
export async function safeFetch(
  url: string,
  options: SafeFetchOptions,
): Promise<{ mime: string; data: Uint8Array<ArrayBuffer> }> {
  const rules: FetchRules =
    options.allowPrivate === true
      ? { isAllowed: () => true, protocols: ["https:", "http:"] }
      : { isAllowed: isPublicAddress, protocols: ["https:"] };
  if (!URL.canParse(url)) throw new HoldfastError("media_refused", "The file's address is no URL.");
  return await fetchChecked(new URL(url), options, rules);
}
