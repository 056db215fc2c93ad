/**
 * The two moments of a graceful stop: `stopping` begins it (nothing new is taken, event streams get
 * their last event), `deadline` cuts what still waits.
 */
export class Shutdown {
  readonly #stopping = new AbortController();
  /** A set, because every waiting request has one: an AbortSignal looks through all at each change. */
  readonly #atDeadline = new Set<() => void>();
  #isCut = false;

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Calls `run` at the deadline, unless the result is called before. */
  onDeadline(run: () => void): () => void {
    if (this.#isCut) run();
    else this.#atDeadline.add(run);
    return () => this.#atDeadline.delete(run);
  }

  begin(): void {
    this.#stopping.abort();
  }

  cut(): void {
    this.#stopping.abort();
    this.#isCut = true;
    for (const run of this.#atDeadline) run();
  }
}
