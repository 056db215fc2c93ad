import { secretRef } from "@holdfast/core";
import { z } from "zod";
import { serverUrl } from "../http/server-url.ts";

/** An account in a signal-cli daemon, which runs as a process of its own with `daemon --http`. */
export const signalSettings = z.strictObject({
  /** The number of the account, as +491510000001; the account's id (ACI) when it has no number. */
  account: z.string().regex(/^(\+[1-9]\d{4,14}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/, {
    error: "expected a number as +491510000001, or the account's id",
  }),
  /** Where the daemon listens. It has no passwords of its own: beyond this machine, put https before it. */
  url: serverUrl()
    .refine((url) => url.startsWith("https:") || isLoopback(url), {
      error: "expected https, as http is taken on this machine alone",
    })
    .default("http://127.0.0.1:8080"),
  /** Sent as bearer token, for the server that stands before the daemon. */
  token: secretRef.optional(),
});

export type SignalSettings = z.infer<typeof signalSettings>;

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
