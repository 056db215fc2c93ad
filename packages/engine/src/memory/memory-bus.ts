import { type Bus, HoldfastError, limits } from "@holdfast/core";
import { createFeed } from "./feed.ts";
import type { Link } from "./link.ts";
import { type BusListener, checkSize, type MemoryStore } from "./memory-store.ts";

/** Words of a subject or pattern; the pattern may also hold `*` and, at its end, `>`. */
const subjectPattern = /^[^\s.*>]+(\.[^\s.*>]+)*$/;
const subscriptionPattern = /^((\*|[^\s.*>]+)\.)*(\*|>|[^\s.*>]+)$/;

export function createMemoryBus(store: MemoryStore, link: Link): Bus {
  return {
    publish(subject, data) {
      checkSubject(subjectPattern, subject);
      checkSize(data, limits.enginePayloadBytes);
      const copy = data.slice();
      link.send({ kind: "publish", target: subject, writes: false }, () => {
        for (const listener of store.listeners) listener.offer(subject, copy);
      });
    },
    subscribe(pattern, handle) {
      checkSubject(subscriptionPattern, pattern);
      const waiting: { subject: string; data: Uint8Array }[] = [];
      const source = {
        take: () => waiting.shift(),
        listen(wake: () => void) {
          const listener: BusListener = {
            offer(subject, data) {
              // A soft message is not kept for a view that is cut off.
              if (!link.isReachable() || !subjectMatches(pattern, subject)) return;
              waiting.push({ subject, data: data.slice() });
              wake();
            },
          };
          store.listeners.add(listener);
          return () => store.listeners.delete(listener);
        },
      };
      const feed = createFeed(link, pattern, source, (message) =>
        handle(message.subject, message.data),
      );
      return { close: () => feed.close() };
    },
  };
}

/** Whether a subject fits a pattern: `*` stands for one word, `>` for one or more at the end. */
function subjectMatches(pattern: string, subject: string): boolean {
  const words = subject.split(".");
  const wanted = pattern.split(".");
  const open = wanted.at(-1) === ">";
  if (open ? words.length < wanted.length : words.length !== wanted.length) return false;
  return wanted.every((word, index) => word === ">" || word === "*" || word === words[index]);
}

function checkSubject(allowed: RegExp, subject: string): void {
  if (!allowed.test(subject))
    throw new HoldfastError("invalid_request", `Not a subject: ${subject}`);
}
