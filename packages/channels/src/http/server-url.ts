import { z } from "zod";

/**
 * The address of a server, as settings name it. Settings are shown to whoever may read the account, so no
 * password may stand in it, nor a query, which often is one.
 */
export function serverUrl(scheme: "http" | "ws" = "http") {
  const what = scheme === "http" ? "an http or https" : "a ws or wss";
  return z
    .url({
      protocol: new RegExp(`^${scheme}s?$`),
      error: `expected ${what} URL`,
      // What comes after it may parse the URL.
      abort: true,
    })
    .refine((text) => {
      const { search, hash, username, password } = new URL(text);
      return search === "" && hash === "" && username === "" && password === "";
    }, "expected a URL without user, password, query and fragment");
}
