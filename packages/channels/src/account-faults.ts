import type { Account, ErrorDetail } from "@holdfast/core";
import { channels } from "./registry.ts";

/** What is wrong with an account's channel and settings; paths begin at the account. */
export function accountFaults({ channel: kind, settings = {} }: Account): readonly ErrorDetail[] {
  const channel = channels.get(kind);
  if (!channel) {
    const known = [...channels.keys()].join(", ");
    return [{ path: "channel", message: `unknown channel ${kind}: expected one of ${known}` }];
  }
  const result = channel.settings.safeParse(settings);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => {
    const path = ["settings", ...issue.path.map(String)].join(".");
    if (issue.code !== "unrecognized_keys") return [{ path, message: issue.message }];
    return issue.keys.map((key) => ({ path: `${path}.${key}`, message: "unknown field" }));
  });
}
