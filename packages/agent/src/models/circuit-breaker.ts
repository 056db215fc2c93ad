import { type Clock, HoldfastError, limits } from "@holdfast/core";

export type CircuitState = "closed" | "open" | "half-open";

export interface CircuitStatus {
  readonly key: string;
  readonly state: CircuitState;
  readonly consecutiveFailures: number;
  /** What the last failed call met, as a sentence without secrets. */
  readonly lastFailure: string;
  /** Until a call is let through again, while open. */
  readonly retryAfterMs?: number;
}

/** What one call tells the breaker; exactly one of the last three ends it. */
export interface CircuitPass {
  /** The provider answers: a probe closes the circuit before its long answer is complete. */
  alive(): void;
  succeeded(): void;
  failed(reason: string): void;
  /** The caller went away: says nothing about the provider. */
  abandoned(): void;
}

interface Circuit {
  failures: number;
  lastFailure: string;
  /** Monotonic time until which calls are refused; undefined while closed. */
  openUntil: number | undefined;
  probing: boolean;
}

/**
 * Circuit breakers by key. A key is remembered only while its last call failed, so that healthy
 * providers cost nothing; over `limits.modelCircuits` the oldest is forgotten.
 */
export class CircuitBreakers {
  readonly #clock: Clock;
  readonly #circuits = new Map<string, Circuit>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `model_unavailable` with retryAfterMs at once while the circuit is open. */
  enter(key: string, title: string): CircuitPass {
    const circuit = this.#circuits.get(key);
    if (circuit?.openUntil === undefined) return this.#pass(key, false);
    const waitMs = circuit.openUntil - this.#clock.monotonic();
    if (waitMs > 0 || circuit.probing) {
      throw new HoldfastError(
        "model_unavailable",
        `The provider of ${title} failed ${circuit.failures} times in a row and is left alone for a while; at last: ${circuit.lastFailure}`,
        { retryAfterMs: Math.ceil(Math.max(waitMs, limits.modelRetryMinMs)) },
      );
    }
    circuit.probing = true;
    return this.#pass(key, true);
  }

  status(): readonly CircuitStatus[] {
    const now = this.#clock.monotonic();
    return [...this.#circuits].map(([key, { failures, openUntil, lastFailure }]) => {
      const base = { key, consecutiveFailures: failures, lastFailure };
      if (openUntil === undefined) return { ...base, state: "closed" };
      if (openUntil <= now) return { ...base, state: "half-open" };
      return { ...base, state: "open", retryAfterMs: Math.ceil(openUntil - now) };
    });
  }

  #pass(key: string, isProbe: boolean): CircuitPass {
    let probing = isProbe;
    const release = () => {
      const circuit = this.#circuits.get(key);
      if (probing && circuit) circuit.probing = false;
      probing = false;
    };
    return {
      alive: () => {
        if (probing) this.#circuits.delete(key);
        probing = false;
      },
      succeeded: () => {
        // A call from before the circuit opened says nothing about the provider now.
        if (probing || this.#circuits.get(key)?.openUntil === undefined) this.#circuits.delete(key);
        probing = false;
      },
      failed: (reason) => {
        this.#countFailure(key, probing, reason);
        release();
      },
      abandoned: release,
    };
  }

  #countFailure(key: string, wasProbe: boolean, reason: string): void {
    const circuit = this.#circuits.get(key) ?? closedCircuit();
    circuit.failures++;
    circuit.lastFailure = reason;
    // Calls that were under way when the circuit opened do not lengthen its rest.
    if (wasProbe || (circuit.openUntil === undefined && this.#isTooMany(circuit))) {
      circuit.openUntil = this.#clock.monotonic() + limits.modelCircuitOpenMs;
    }
    this.#circuits.set(key, circuit);
    if (this.#circuits.size <= limits.modelCircuits) return;
    for (const oldest of this.#circuits.keys()) {
      this.#circuits.delete(oldest);
      break;
    }
  }

  #isTooMany(circuit: Circuit): boolean {
    return circuit.failures >= limits.modelCircuitFailures;
  }
}

function closedCircuit(): Circuit {
  return { failures: 0, lastFailure: "", openUntil: undefined, probing: false };
}
