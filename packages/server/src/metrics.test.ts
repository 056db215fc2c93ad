import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { addChannelMetrics } from "./metrics.ts";

it("what channels count is read anew each time, with zeros from the beginning", async () => {
  const registry = new Registry();
  const owners = { count: 2 };
  const ignored = new Map([["telegram not_paired", 3]]);
  const totals = { failed: 0, unknown: 0 };
  addChannelMetrics(registry, { owners, ignored, failures: { totals } });
  const lines = async () =>
    (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  expect(await lines()).toEqual([
    "holdfast_channel_accounts_owned 2",
    'holdfast_channel_events_ignored_total{channel="telegram",reason="not_paired"} 3',
    'holdfast_delivery_failures_total{state="failed"} 0',
    'holdfast_delivery_failures_total{state="unknown"} 0',
  ]);
  ignored.set("telegram not_paired", 4).set("slack edited", 1);
  totals.unknown = 1;
  expect(await lines()).toEqual([
    "holdfast_channel_accounts_owned 2",
    'holdfast_channel_events_ignored_total{channel="telegram",reason="not_paired"} 4',
    'holdfast_channel_events_ignored_total{channel="slack",reason="edited"} 1',
    'holdfast_delivery_failures_total{state="failed"} 0',
    'holdfast_delivery_failures_total{state="unknown"} 1',
  ]);
});
