export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** In the unit of the values, rounded to a hundredth; zeros when there are none. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => {
    const index = Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1);
    return round(sorted[Math.max(0, index)] ?? 0);
  };
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
