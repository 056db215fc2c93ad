import type { Cancel, Clock } from "@holdfast/core";

/** Calls `run` every `everyMs`, first after the first of them. */
export function repeat(clock: Clock, everyMs: number, run: () => void): Cancel {
  let cancel: Cancel;
  const next = () => {
    cancel = clock.schedule(everyMs, () => {
      next();
      run();
    });
  };
  next();
  return () => cancel();
}
