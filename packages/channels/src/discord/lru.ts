/** Sets a key as the newest; over `max` the oldest goes and is given back. */
export function setNewest<Value>(
  map: Map<string, Value>,
  key: string,
  value: Value,
  max: number,
): readonly [string, Value] | undefined {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return undefined;
  for (const oldest of map) {
    map.delete(oldest[0]);
    return oldest;
  }
}
