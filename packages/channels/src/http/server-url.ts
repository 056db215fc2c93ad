import { z } from "zod";

const gatewayParameters = ["v", "encoding"];

/**
 * The address of a server, as settings name it. Settings are shown to whoever may read the account, so no
 * password may stand in it, nor a query, which often is one. That of a gateway may say what is spoken there.
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
      const { searchParams, hash, username, password } = new URL(text);
      const allowed = scheme === "ws" ? gatewayParameters : [];
      const isPlain = [...searchParams.keys()].every((key) => allowed.includes(key));
      return isPlain && hash === "" && username === "" && password === "";
    }, "expected a URL without user, password, query and fragment");
}
