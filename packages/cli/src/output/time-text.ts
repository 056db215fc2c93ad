/** Milliseconds since 1970 as people read them: to the second, in UTC. */
export function timeText(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}
