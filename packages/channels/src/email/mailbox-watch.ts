import type { Cancel, Clock } from "@holdfast/core";
import type { ImapFlow } from "imapflow";
import { emailLimits } from "./limits.ts";

/** Knows whether the mailbox changed, or the connection ended, since the last `reset`. */
export interface MailboxWatch {
  reset(): void;
  readonly hasNews: boolean;
  onNews: (() => void) | undefined;
}

export function watchMailbox(client: ImapFlow): MailboxWatch {
  let hasNews = false;
  const watch: MailboxWatch = {
    reset() {
      hasNews = client.isClosed;
    },
    get hasNews() {
      return hasNews;
    },
    onNews: undefined,
  };
  const news = () => {
    hasNews = true;
    watch.onNews?.();
  };
  client.on("exists", news);
  client.on("close", news);
  return watch;
}

/** Resolves when there may be mail, or the signal aborts. With IDLE the server says so itself. */
export async function waitForMail(
  client: ImapFlow,
  watch: MailboxWatch,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  if (watch.hasNews || signal.aborted) return;
  const canIdle = client.capabilities.has("IDLE");
  await new Promise<void>((resolve) => {
    const timers = new Set<Cancel>();
    const finish = () => {
      for (const cancel of timers) cancel();
      if (watch.onNews === finish) watch.onNews = undefined;
      signal.removeEventListener("abort", finish);
      resolve();
    };
    watch.onNews = finish;
    signal.addEventListener("abort", finish, { once: true });
    timers.add(clock.schedule(canIdle ? emailLimits.idleRenewalMs : emailLimits.pollMs, finish));
    if (!canIdle) return;
    // It lasts until the next command. A server that refuses it is asked again and again instead.
    const ended = (isDone: boolean | undefined) => {
      if (isDone === false) timers.add(clock.schedule(emailLimits.pollMs, finish));
    };
    client.idle().then(ended, finish);
  });
}
