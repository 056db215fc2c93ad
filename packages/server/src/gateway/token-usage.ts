import type { TokenRecord } from "@holdfast/security";

/** What the clients of one token hold of this node. */
export interface Usage {
  connections: number;
  requests: number;
  runs: number;
}

/** Goes when the token goes. */
export class TokenUsage {
  readonly #usage = new WeakMap<TokenRecord, Usage>();

  of(token: TokenRecord): Usage {
    let usage = this.#usage.get(token);
    if (!usage) {
      usage = { connections: 0, requests: 0, runs: 0 };
      this.#usage.set(token, usage);
    }
    return usage;
  }
}
