import { type AccountOptions, type Clock, HoldfastError, type SecretRef } from "@holdfast/core";
import { createSeededRandom } from "@holdfast/testkit";

/** Time that passes by itself; every pause is divided by `speed`. */
function fastClock(speed: number): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    schedule(delayMs, run) {
      const timer = setTimeout(run, delayMs / speed);
      timer.unref();
      return () => clearTimeout(timer);
    },
    soon: (run) => setImmediate(run),
  };
}

export interface TestOptions<Settings> extends AccountOptions<Settings> {
  readonly reports: HoldfastError[];
  untilReports(count: number): Promise<void>;
}

/** What an account is opened with, its secrets taken from `env`. */
export function accountOptions<Settings>(
  settings: Settings,
  env: Readonly<Record<string, string>>,
  speed = 20,
): TestOptions<Settings> {
  const reports: HoldfastError[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  return {
    organization: "example",
    name: "account",
    settings,
    secret(ref: SecretRef) {
      const value = "fromEnv" in ref ? env[ref.fromEnv] : undefined;
      if (value !== undefined) return value;
      throw new HoldfastError("account_unauthorized", "The variable of a secret is not set.");
    },
    clock: fastClock(speed),
    random: createSeededRandom(7),
    report(error) {
      reports.push(error);
      for (const { count, resolve } of waiting) if (reports.length >= count) resolve();
    },
    reports,
    untilReports(count) {
      return new Promise((resolve) => {
        if (reports.length >= count) resolve();
        else waiting.push({ count, resolve });
      });
    },
  };
}
