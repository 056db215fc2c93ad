import { type NodeRuntime, pluralOf, type ResourceKind, resourceKinds } from "@holdfast/core";
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
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
  if (runtime.channels) addChannelMetrics(registry, runtime.channels);
  return { render: () => registry.metrics() };
}

interface ChannelFigures {
  readonly owners: { readonly count: number };
  /** By channel and reason, both words, with a blank between. */
  readonly ignored: ReadonlyMap<string, number>;
  readonly failures: { readonly totals: Readonly<Record<"failed" | "unknown", number>> };
}

/** What the node's channels count; every label is of a bounded set, none is a person's or a chat's. */
export function addChannelMetrics(
  registry: Registry,
  { owners, ignored, failures }: ChannelFigures,
): void {
  const registers: [] = [];
  registry.registerMetric(
    new Gauge({
      name: "holdfast_channel_accounts_owned",
      help: "Channel accounts that this node owns.",
      registers,
      collect() {
        this.set(owners.count);
      },
    }),
  );
  registry.registerMetric(
    new Counter({
      name: "holdfast_channel_events_ignored_total",
      help: "Events of platforms that were not handled, by channel and reason.",
      labelNames: ["channel", "reason"],
      registers,
      collect() {
        this.reset();
        for (const [key, count] of ignored) {
          const [channel = "", reason = ""] = key.split(" ");
          this.inc({ channel, reason }, count);
        }
      },
    }),
  );
  registry.registerMetric(
    new Counter({
      name: "holdfast_delivery_failures_total",
      help: "Messages of agents that failed, or of which nobody knows whether they arrived.",
      labelNames: ["state"],
      registers,
      collect() {
        this.reset();
        const { failed, unknown } = failures.totals;
        this.inc({ state: "failed" }, failed);
        this.inc({ state: "unknown" }, unknown);
      },
    }),
  );
}
