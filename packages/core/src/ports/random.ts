/** Randomness, so that a simulation can be repeated from its seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A string of `length` characters of [0-9a-z], unguessable in the real adapter. */
  token(length: number): string;
}
