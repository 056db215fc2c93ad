import { HoldfastError, type InboundEvent } from "@holdfast/core";
import { eventCallback, type EventCallback } from "./callback.ts";
import { readInteraction, readSlashCommand } from "./commands.ts";
import type { Directory, Identity } from "./directory.ts";
import { identityIn, namesWanted, toInboundEvent } from "./events.ts";

/** What Slack sends, over HTTP and over a socket alike. */
export type Delivery =
  | { readonly kind: "event"; readonly payload: unknown }
  | { readonly kind: "command"; readonly payload: unknown }
  | { readonly kind: "interaction"; readonly payload: unknown };

export interface TranslateDependencies {
  readonly directory: Directory;
  readonly now: () => number;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** Errors: `channel_unavailable` while it is not known who the account is. */
export async function translate(
  delivery: Delivery,
  dependencies: TranslateDependencies,
): Promise<readonly InboundEvent[]> {
  const { directory, now } = dependencies;
  if (delivery.kind === "command") return [readSlashCommand(delivery.payload, now())];
  if (delivery.kind === "interaction") return readInteraction(delivery.payload, now());

  const read = eventCallback.safeParse(delivery.payload);
  if (!read.success) return [{ type: "ignored", what: "unknown_event" }];
  const callback = read.data;
  if (callback.event.type !== "message" && callback.event.type !== "app_mention") {
    return [notice(callback, dependencies)];
  }
  const [identity, names] = await Promise.all([
    identityFor(callback, directory),
    directory.names(namesWanted(callback)),
  ]);
  return [toInboundEvent(callback, identity, names)];
}

/** The callback tells it, too, so that messages come in while Slack's API does not answer. */
async function identityFor(callback: EventCallback, directory: Directory): Promise<Identity> {
  const identity = (await directory.identity()) ?? identityIn(callback);
  if (identity !== undefined) return identity;
  throw new HoldfastError("channel_unavailable", "Slack does not tell who the account is.");
}

function notice({ event }: EventCallback, { report }: TranslateDependencies): InboundEvent {
  if (event.type === "app_uninstalled" || event.type === "tokens_revoked") {
    report(
      new HoldfastError(
        "account_unauthorized",
        `Slack tells that the app lost access: ${event.type}.`,
      ),
      "slack event",
    );
    return { type: "ignored", what: "automatic" };
  }
  return { type: "ignored", what: "unknown_event" };
}
