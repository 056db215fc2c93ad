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
      begin();
    } else {
      this.#waiting = [];
      this.#next = 0;
      this.#free += 1;
    }
  }
}
