import { BenchChild } from "../lib/child.ts";

/** The replies that came in, in order. */
export interface Arrivals {
  readonly messages: Float64Array;
  /** Of the request's head, by the machine's monotonic clock. */
  readonly times: Float64Array;
}

/** The platforms' APIs, in their own process. */
export interface PlatformStub {
  readonly pid: number;
  readonly url: string;
  /** Replies that came since they were taken last. */
  count(): Promise<number>;
  take(): Promise<Arrivals>;
  stop(): Promise<void>;
}

export async function startPlatformStub(): Promise<PlatformStub> {
  const child = new BenchChild({ entry: new URL("./stub-process.ts", import.meta.url) });
  const url = await child.ask<string>("start");
  return {
    pid: child.pid,
    url,
    count: () => child.ask("count"),
    take: () => child.ask("take"),
    stop: () => child.stop(),
  };
}
