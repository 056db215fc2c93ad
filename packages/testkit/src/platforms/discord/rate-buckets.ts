/** Discord's windows: so many requests, counted from the first one. */
export interface Bucket {
  readonly limit: number;
  readonly windowMs: number;
}

export interface Taken {
  readonly isAllowed: boolean;
  readonly remaining: number;
  readonly resetAfterMs: number;
}

export function createBuckets() {
  const windows = new Map<string, { used: number; endsAt: number }>();
  return (name: string, { limit, windowMs }: Bucket): Taken => {
    const now = performance.now();
    let window = windows.get(name);
    if (window === undefined || window.endsAt <= now) {
      window = { used: 0, endsAt: now + windowMs };
      windows.set(name, window);
    }
    window.used += 1;
    return {
      isAllowed: window.used <= limit,
      remaining: Math.max(0, limit - window.used),
      resetAfterMs: window.endsAt - now,
    };
  };
}
