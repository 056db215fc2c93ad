import { HoldfastError } from "../errors.ts";
import type { Bus, Subscription } from "../ports/bus.ts";
import { decodeEntry } from "./records.ts";

type Report = (error: HoldfastError, where: string) => void;

/**
 * Listens for messages of other nodes. One that cannot be read, or makes no sense to `handle`, is reported and
 * dropped: what a single node sends must never end another.
 */
export function listenOnBus<T>(
  bus: Bus,
  subject: string,
  handle: (message: T, subject: string) => void | Promise<void>,
  report: Report,
): Subscription {
  return bus.subscribe(subject, (from, data) => {
    const drop = (cause: unknown) => {
      const problem = `A message on ${from} cannot be used; it was dropped.`;
      report(new HoldfastError("data_corrupt", problem, { cause }), "bus");
    };
    try {
      void handle(decodeEntry<T>(data), from)?.catch(drop);
    } catch (thrown) {
      drop(thrown);
    }
  });
}
