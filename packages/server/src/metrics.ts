import { type NodeRuntime, pluralOf, type ResourceKind, resourceKinds } from "@holdfast/core";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Metrics } from "./http/index.ts";

interface MetricSources {
  readonly runtime: NodeRuntime;
  readonly counts: () => Readonly<Record<ResourceKind, number>>;
  readonly isEngineConnected: () => boolean;
}

/** What Prometheus reads. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const { runtime, counts, isEngineConnected } = sources;
  const { ownership, pending, scheduler, heartbeats, coordinator } = runtime;
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `holdfast_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  const sum = (read: (partition: ReturnType<typeof ownership.open>[number]) => number) => () =>
    ownership.open().reduce((total, partition) => total + read(partition), 0);
  gauge("engine_connected", "1 when the engine is connected.", () => (isEngineConnected() ? 1 : 0));
  gauge("partitions_open", "Partitions that this node runs.", () => ownership.open().length);
  gauge("cut_off", "1 when the node does not hear itself over the engine.", () =>
    heartbeats.isCutOff ? 1 : 0,
  );
  gauge("coordinator", "1 when the node places the partitions.", () =>
    coordinator.isLeading ? 1 : 0,
  );
  gauge(
    "inbox_lag_records",
    "Inbox records not done.",
    sum(({ lag }) => lag),
  );
  gauge(
    "conversations_active",
    "Conversations in memory.",
    sum(({ activeConversations }) => activeConversations),
  );
  gauge("messages_pending", "Messages accepted and not answered yet.", () => pending.size);
  gauge("messages_pending_bytes", "Their size in bytes.", () => pending.bytes);
  gauge("turns_in_flight", "Turns running now.", () => scheduler.inFlight);
  for (const kind of resourceKinds) {
    const plural = pluralOf[kind].replaceAll("-", " ");
    gauge(plural.replaceAll(" ", "_"), `Declared ${plural}.`, () => counts()[kind]);
  }
  return { render: () => registry.metrics() };
}
