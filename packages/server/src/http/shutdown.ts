/**
 * The two moments of a graceful stop: `stopping` begins it (nothing new is taken, event streams get
 * their last event), `deadline` cuts what still waits.
 */
export class Shutdown {
  readonly #stopping = new AbortController();
  readonly #deadline = new AbortController();

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  get deadline(): AbortSignal {
    return this.#deadline.signal;
  }

  begin(): void {
    this.#stopping.abort();
  }

  cut(): void {
    this.#stopping.abort();
    this.#deadline.abort();
  }
}
