/** More names than this are sorted in together instead of being inserted one by one. */
const insertOneByOneMax = 32;

/**
 * Names in order. Adding is cheap, because names are only put in their places when somebody reads: a
 * hundred thousand that arrive together are sorted once.
 */
export class SortedNames {
  #sorted: string[] = [];
  readonly #added = new Set<string>();

  /** The name must not be there. */
  add(name: string): void {
    this.#added.add(name);
  }

  remove(name: string): void {
    if (this.#added.delete(name)) return;
    const at = firstNotBefore(this.#sorted, name);
    if (this.#sorted[at] === name) this.#sorted.splice(at, 1);
  }

  /** All names from `start` on, itself included. Nothing may be added or removed while it is read. */
  *from(start: string): Generator<string> {
    this.settle();
    const sorted = this.#sorted;
    for (let at = firstNotBefore(sorted, start); at < sorted.length; at += 1) {
      yield sorted[at] as string;
    }
  }

  /** Puts what was added in its place now, so that the next reader need not wait for it. */
  settle(): void {
    if (this.#added.size === 0) return;
    if (this.#added.size > insertOneByOneMax) {
      this.#sorted = this.#sorted.concat([...this.#added]).sort();
    } else {
      for (const name of this.#added) {
        this.#sorted.splice(firstNotBefore(this.#sorted, name), 0, name);
      }
    }
    this.#added.clear();
  }
}

function firstNotBefore(sorted: readonly string[], name: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as string) < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
