import {
  type Cancel,
  type Clock,
  delay,
  type HoldfastError,
  limits,
  type Random,
  toHoldfastError,
} from "@holdfast/core";
import type { IssuedIdentity, NodeIdentity } from "./identity.ts";

export interface RenewalOptions {
  readonly identity: NodeIdentity;
  /** New certificates for the node's keys. */
  readonly issue: () => Promise<IssuedIdentity>;
  /** Gives certificates and trust to everything that uses them; called again when it failed. */
  readonly apply: (identity: NodeIdentity) => Promise<void>;
  /** What the node's certificates must name; more is no fault. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly say: (text: string) => void;
  readonly report: (error: HoldfastError, where: string) => void;
}

/**
 * Keeps the node's certificates young and its trust up to date while it runs. Looks every
 * `limits.renewalCheckMs` by the wall clock, because timers stand still while a machine sleeps.
 */
export class Renewal {
  readonly #options: RenewalOptions;
  readonly #closing = new AbortController();
  /** A share of the half life that is not waited for, so that nodes do not renew together. */
  readonly #jitter: number;
  /** SHA-256 of the authority that signs now, when it is known. */
  #signer: string | undefined;
  /** Whom to trust, as the authority said last; taken over by the next look that can write it. */
  #followed: { readonly generation: number; readonly bundle: readonly string[] } | undefined;
  #isApplied = true;
  #cancel: Cancel | undefined;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#jitter = options.random.next() * 0.1;
  }

  /** Looks now, and from then on until `close`. */
  start(): void {
    this.wake();
    this.#cancel = this.#options.clock.schedule(limits.renewalCheckMs, () => this.start());
  }

  /** The authority changed: whom to trust, and who signs. */
  follow(state: {
    readonly active: string;
    readonly generation: number;
    readonly bundle: readonly string[];
  }): void {
    this.#signer = state.active;
    this.#followed = state;
    this.wake();
  }

  /** Of the authority's state that everything here has taken over; 0 while that is not known. */
  get confirmed(): number {
    const { identity } = this.#options;
    const isSigner = this.#signer !== undefined && identity.authorityFingerprint === this.#signer;
    return this.#isApplied && isSigner ? identity.generation : 0;
  }

  wake(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = this.#look().finally(() => {
      this.#running = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.wake();
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#cancel?.();
    await this.#running;
  }

  async #look(): Promise<void> {
    const { clock, random, report } = this.#options;
    const { signal } = this.#closing;
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        return await this.#once();
      } catch (thrown) {
        if (signal.aborted) return;
        // The next look tries again.
        if (tries >= limits.renewalTries) return report(toHoldfastError(thrown), "certificates");
        const longest = limits.renewalRetryMinMs * 2 ** tries;
        const pauseMs = Math.min(limits.renewalRetryMaxMs, longest) * (0.5 + random.next() / 2);
        await delay(clock, pauseMs, signal);
      }
    }
  }

  async #once(): Promise<void> {
    const { identity, issue, apply, say } = this.#options;
    const followed = this.#followed;
    if (followed && identity.trust(followed.bundle, followed.generation)) this.#isApplied = false;
    const why = this.#reason();
    if (why !== undefined) {
      identity.replace(await issue());
      this.#isApplied = false;
      say(`the node's certificates were renewed: ${why}`);
    }
    if (this.#isApplied) return;
    await apply(identity);
    this.#isApplied = true;
  }

  /** Why the certificates must be renewed now; undefined when they need not. */
  #reason(): string | undefined {
    const { identity, clock, hosts } = this.#options;
    if (!identity.isCurrent) return "they had expired, or the clock jumped";
    if (this.#signer !== undefined && identity.authorityFingerprint !== this.#signer) {
      return "another authority signs now";
    }
    const named = new Set(identity.hosts);
    const missing = hosts.find((host) => !named.has(host.toLowerCase()));
    if (missing !== undefined) return `they did not name ${missing}`;
    const early = (limits.certificateLifetimeMs / 2) * this.#jitter;
    return clock.now() >= identity.renewAt - early ? "half of their life was over" : undefined;
  }
}
