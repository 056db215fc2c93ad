/** Milliseconds between 1970 and the first moment of Discord's ids. */
const epochMs = 1_420_070_400_000;
const incrementBits = 12;

/** A timestamp, the machine that made the id, and a counter, in 64 bits. */
export function isSnowflake(text: unknown): text is string {
  return typeof text === "string" && /^\d{1,20}$/.test(text);
}

export function snowflakeTime(id: string): number {
  return Number(BigInt(id) >> 22n) + epochMs;
}

/** The smallest id of that moment. */
export function snowflakeAt(timeMs: number): string {
  return (BigInt(Math.max(0, Math.floor(timeMs) - epochMs)) << 22n).toString();
}

/** Time and counter; the whole id would not fit a number. Fits until the year 2084. */
export function snowflakeOrder(id: string): number {
  const value = BigInt(id);
  return Number((value >> 22n) << BigInt(incrementBits)) + Number(value & 0xfffn);
}

export function isLater(id: string, than: string): boolean {
  return BigInt(id) > BigInt(than);
}
