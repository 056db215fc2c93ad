/** One update that waits until it is acknowledged. */
export interface QueuedUpdate {
  readonly id: number;
  /** Updates of one chat are delivered one after the other. */
  readonly chat: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Whether it comes once more after its acknowledgement. */
  isRepeated: boolean;
  /** It was acknowledged, and is on its way a second time. */
  isAgain: boolean;
}

export type NewUpdate = Omit<QueuedUpdate, "id" | "isAgain">;

export interface UpdateQueue {
  add(update: NewUpdate): void;
  /** Waits for the next one of another chat, which goes first. */
  hold(update: NewUpdate): void;
  readonly waiting: readonly QueuedUpdate[];
  remove(update: QueuedUpdate): void;
  /** The number of the next one. */
  renumber(nextId: number): void;
  /** Of polling: everything before `offset` is acknowledged. */
  confirm(offset: number): void;
  settled(): Promise<void>;
  /** Called after every addition. */
  onAdded: () => void;
  close(): void;
}

const heldMs = 50;

export function createUpdateQueue(firstId: number): UpdateQueue {
  let nextId = firstId;
  let waiting: QueuedUpdate[] = [];
  let held: NewUpdate | undefined;
  let timer: NodeJS.Timeout | undefined;
  let settledWaiters: (() => void)[] = [];

  const push = (update: NewUpdate) => {
    waiting.push({ ...update, id: nextId, isAgain: false });
    nextId += 1;
  };
  const release = () => {
    clearTimeout(timer);
    const update = held;
    held = undefined;
    if (update) push(update);
  };
  const tellSettled = () => {
    if (waiting.length > 0 || held) return;
    const waiters = settledWaiters;
    settledWaiters = [];
    for (const resolve of waiters) resolve();
  };

  const queue: UpdateQueue = {
    onAdded: () => {},
    add(update) {
      if (held?.chat === update.chat) release();
      push(update);
      release();
      queue.onAdded();
    },
    hold(update) {
      release();
      held = update;
      timer = setTimeout(() => {
        release();
        queue.onAdded();
      }, heldMs);
      queue.onAdded();
    },
    get waiting() {
      return waiting;
    },
    remove(update) {
      waiting = waiting.filter((other) => other !== update);
      tellSettled();
    },
    renumber(id) {
      nextId = id;
    },
    confirm(offset) {
      const isRepeat = (update: QueuedUpdate) => {
        update.isAgain = update.isRepeated;
        update.isRepeated = false;
        return update.isAgain;
      };
      waiting = waiting.filter((update) => update.id >= offset || isRepeat(update));
      tellSettled();
    },
    settled: () =>
      new Promise((resolve) => {
        settledWaiters.push(resolve);
        tellSettled();
      }),
    close() {
      clearTimeout(timer);
    },
  };
  return queue;
}
