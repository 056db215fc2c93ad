import { type Answer, done, refused } from "./answers.ts";
import type { UpdateQueue } from "./update-queue.ts";
import { bodyOf } from "./webhook-sender.ts";

export interface Poller {
  /** Resolves when there are updates, or the question's time is over, or another one asks. */
  ask(parameters: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<Answer>;
  wake(): void;
  /** Ends a question that is open. */
  end(answer: Answer): void;
}

const secondMs = 1_000;

/**
 * getUpdates: https://core.telegram.org/bots/api#getupdates
 * As in Telegram's own server, a question is ended only by another one that has to be held open, too.
 */
export function createPoller(
  queue: UpdateQueue,
  violation: (text: string) => void,
  speed: number,
): Poller {
  let open: { readonly finish: (answer?: Answer) => void; readonly has: () => boolean } | undefined;

  return {
    async ask({ offset, limit = 100, timeout = 0 }, signal) {
      if (open) violation("two pollers at once");
      const from = Number(offset ?? 0);
      if (from > 0) queue.confirm(from);
      const asked = () => queue.waiting.filter(({ id, isAgain }) => id >= from || isAgain);
      const take = () => asked().slice(0, Number(limit)).map(bodyOf);
      const waitMs = (Number(timeout) * secondMs) / speed;
      if (asked().length > 0 || waitMs === 0) return done(take());
      open?.finish(
        refused(
          409,
          "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        ),
      );
      return await new Promise<Answer>((resolve) => {
        const finish = (answer?: Answer) => {
          if (open !== mine) return;
          open = undefined;
          clearTimeout(timer);
          signal.removeEventListener("abort", onAbort);
          resolve(answer ?? done(take()));
        };
        const mine = { finish, has: () => asked().length > 0 };
        const timer = setTimeout(finish, waitMs);
        const onAbort = () => finish(done([]));
        signal.addEventListener("abort", onAbort);
        open = mine;
      });
    },
    wake() {
      if (open?.has()) open.finish();
    },
    end(answer) {
      open?.finish(answer);
    },
  };
}
