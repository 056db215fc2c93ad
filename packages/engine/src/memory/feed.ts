import type { Cancel } from "@holdfast/core";
import type { Link } from "./link.ts";

/** Hands items on one by one, in order, through the clock, while the link is up. */
export interface Feed {
  /** Something may be there to take. */
  readonly wake: () => void;
  /** As `wake`, but without the link's delivery delay. */
  readonly hurry: () => void;
  readonly close: () => void;
}

export interface FeedSource<T> {
  /** The next item, or undefined when there is none yet. */
  take(): T | undefined;
  /** Has `wake` called whenever there may be more; the result ends that. */
  listen(wake: () => void): Cancel;
}

export function createFeed<T>(
  link: Link,
  target: string,
  source: FeedSource<T>,
  handle: (item: T) => void,
): Feed {
  let open = true;
  let scheduled: Cancel | undefined;

  const deliver = () => {
    scheduled = undefined;
    while (open && link.isReachable()) {
      const item = source.take();
      if (item === undefined) return;
      handle(item);
    }
  };
  const deliverSoon = () => {
    let wanted = true;
    link.clock.soon(() => {
      if (wanted) deliver();
    });
    scheduled = () => {
      wanted = false;
    };
  };
  const feed: Feed = {
    wake() {
      if (!open || scheduled) return;
      const delayMs = link.deliveryDelayMs(target);
      if (delayMs > 0) scheduled = link.clock.schedule(delayMs, deliver);
      else deliverSoon();
    },
    hurry() {
      if (!open) return;
      scheduled?.();
      deliverSoon();
    },
    close() {
      if (!open) return;
      open = false;
      scheduled?.();
      stopListening();
      detach();
    },
  };
  const stopListening = source.listen(feed.wake);
  // A link that is closed already ends the feed in here.
  let detach: Cancel = () => {};
  detach = link.attach({ wake: feed.wake, end: feed.close });
  feed.wake();
  return feed;
}
