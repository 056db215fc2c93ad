import type { DeliveryView, StoredMessage } from "@holdfast/core";
import type { RunRecord } from "./run-record.ts";
import type { SimPlatform } from "./sim-platform.ts";

export interface DeliveryEnd {
  readonly histories: ReadonlyMap<string, readonly StoredMessage[]>;
  readonly deliveries: ReadonlyMap<string, readonly DeliveryView[]>;
  readonly platform: SimPlatform;
}

/**
 * Every answer to a chat is shown there whole, once, and in the order of the history; what is flagged as
 * unknown may be missing or late, and is never there twice.
 */
export function checkDeliveries(
  { histories, deliveries, platform }: DeliveryEnd,
  record: RunRecord,
): void {
  for (const [chat, messages] of histories) {
    const views = new Map((deliveries.get(chat) ?? []).map((view) => [view.id, view]));
    const seen = platform.seen(chat);
    const twice = new Set(seen.map(({ key }) => key));
    if (twice.size < seen.length) record.violate(`${chat} shows a piece twice`);
    let at = -1;
    for (const { turn, text, blob } of answers(messages)) {
      const view = views.get(turn ?? "");
      if (!view) continue;
      record.count(`delivery ${view.state}`);
      if (view.state === "failed") record.violate(`${chat} has failed to deliver ${turn}`);
      if (view.state !== "sent") continue;
      const places = seen.flatMap(({ key }, place) => (key.startsWith(`${turn}.`) ? [place] : []));
      const shown = places.map((place) => seen[place]?.text).join("");
      if (blob === undefined ? shown !== text : !shown.startsWith(text)) {
        record.violate(`${chat} shows ${shown.slice(0, 60)} for ${text.slice(0, 60)}`);
      }
      if (places.some((place, number) => place <= (places[number - 1] ?? at))) {
        record.violate(`${chat} shows ${turn} in another order`);
      }
      at = places.at(-1) ?? at;
    }
  }
}

/** The last message of each turn. */
function answers(messages: readonly StoredMessage[]): readonly StoredMessage[] {
  return messages.filter(({ outcome }) => outcome !== undefined);
}
