/** How many of those that had their turn are kept before they are removed together. */
const usedKept = 1_024;

/** Runs at most `capacity` pieces of work at once; the others wait, in the order in which they came. */
export class Slots {
  #free: number;
  #waiting: (() => void)[] = [];
  /** Those before it in `#waiting` had their turn: taking from the front would move all the others. */
  #next = 0;

  constructor(capacity: number) {
    this.#free = capacity;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      this.#pass();
    }
  }

  /** Hands the place over. */
  #pass(): void {
    const begin = this.#waiting[this.#next];
    if (begin) {
      this.#next += 1;
      if (this.#next >= usedKept && this.#next * 2 > this.#waiting.length) {
        this.#waiting.splice(0, this.#next);
        this.#next = 0;
      }
      begin();
    } else {
      this.#waiting = [];
      this.#next = 0;
      this.#free += 1;
    }
  }
}

/** So many places for each key. */
export class KeyedSlots {
  readonly #capacity: number;
  /** Of the keys with work. */
  readonly #slots = new Map<string, { readonly slots: Slots; users: number }>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const own = this.#slots.get(key) ?? { slots: new Slots(this.#capacity), users: 0 };
    this.#slots.set(key, own);
    own.users += 1;
    try {
      return await own.slots.run(work);
    } finally {
      own.users -= 1;
      if (own.users === 0) this.#slots.delete(key);
    }
  }
}
