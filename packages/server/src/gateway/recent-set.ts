/** Remembers the newest `size` values. */
export class RecentSet<T> {
  readonly #values = new Set<T>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  has(value: T): boolean {
    return this.#values.has(value);
  }

  delete(value: T): void {
    this.#values.delete(value);
  }

  add(value: T): void {
    this.#values.delete(value);
    this.#values.add(value);
    if (this.#values.size <= this.#size) return;
    for (const oldest of this.#values) {
      this.#values.delete(oldest);
      return;
    }
  }
}
