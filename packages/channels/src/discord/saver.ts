import {
  type Cancel,
  type Clock,
  type HoldfastError,
  type Inbound,
  toHoldfastError,
} from "@holdfast/core";
import { discordLimits } from "./limits.ts";
import { type Progress, writeProgress } from "./progress.ts";

export interface Saver {
  /** Something became durable: it is kept within about a second. */
  touch(): void;
  /** Keeps it now, if it is not kept already. Errors: those of `saveCursor`. */
  flush(): Promise<void>;
  /** Keeps it in any case: that shows whether this node still owns the account. Errors: the same. */
  confirm(): Promise<void>;
  /**
   * The session's number in what is kept for the next owner; null when the session is not kept. Discord may
   * forget what is acknowledged, so that no more than this may be.
   */
  keptSeq(): number | null;
  stop(): void;
}

export function createSaver(
  inbound: Inbound,
  progress: Progress,
  clock: Clock,
  onLost: (error: HoldfastError) => void,
): Saver {
  let cancel: Cancel | undefined;
  let saved: string | undefined;
  let kept: { readonly id: string; readonly seq: number } | undefined;
  let isStopped = false;
  let running: Promise<void> = Promise.resolve();

  const write = async (isForced: boolean) => {
    const text = writeProgress(progress);
    if (text === saved && !isForced) return;
    const { id, seq } = progress.session ?? {};
    await inbound.saveCursor(text);
    saved = text;
    kept = id === undefined || seq === undefined ? undefined : { id, seq };
  };
  const enqueue = (isForced: boolean) => {
    // One after the other, also after a failure, so that an older cursor never overtakes a newer one.
    running = running.catch(() => {}).then(() => write(isForced));
    return running;
  };
  const touch = () => {
    if (isStopped || cancel !== undefined) return;
    cancel = clock.schedule(discordLimits.cursorSaveMs, () => {
      cancel = undefined;
      enqueue(false).catch((error: unknown) => {
        const fault = toHoldfastError(error);
        if (fault.code === "ownership_lost") onLost(fault);
        else touch();
      });
    });
  };
  return {
    touch,
    flush: () => enqueue(false),
    confirm: () => enqueue(true),
    keptSeq: () => (kept?.id === progress.session?.id ? (kept?.seq ?? null) : null),
    stop() {
      isStopped = true;
      cancel?.();
      cancel = undefined;
    },
  };
}
