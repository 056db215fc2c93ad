import { monotonicMs } from "../traffic/record.ts";
import type { Trouble } from "../traffic/run-stub.ts";
import { percentiles, waitsFrom } from "../validate/figures.ts";
import type { Row } from "./row.ts";
import { residentBytes, withTraffic } from "./with-traffic.ts";

const troubles: readonly Trouble[] = ["rate-limited", "hang", "half"];
const mebibyte = 1_048_576;
/** What a node may grow by while nothing is answered, MiB. */
const growthMaxMib = 200;

export const modelTrouble: Row = {
  number: 16,
  name: "model provider answers 429, hangs, streams half and dies",
  target: "0 lost; bounded memory; resumes < 30 s",
  run: (settings) =>
    withTraffic(
      settings,
      { modelTimeoutMs: 5_000, traffic: { attemptTimeoutMs: 60_000 } },
      async (run) => {
        const { cluster, stub, findings } = run;
        const memory = () => Math.max(...cluster.nodes.map(({ pid }) => residentBytes(pid)));
        const before = memory();
        let highest = before;
        const ends: { readonly kind: Trouble; readonly at: number }[] = [];
        for (const kind of troubles) {
          run.fault(`the model: ${kind}`);
          await stub.trouble(kind);
          const until = monotonicMs() + Math.min(settings.longMs, 30_000);
          while (monotonicMs() < until) {
            await run.pause(1_000);
            highest = Math.max(highest, memory());
          }
          await stub.trouble("none");
          ends.push({ kind, at: run.fault("the model answers again") });
          await run.pause(35_000);
        }
        const { conversations } = await run.finish();
        for (const { kind, at } of ends) {
          const waits = percentiles(waitsFrom(conversations.values(), at, 30_000));
          findings.atMost(`resumes behind ${kind}, the last`, waits.max, 30_000);
        }
        findings.atMost("memory grew, MiB", (highest - before) / mebibyte, growthMaxMib);
      },
    ),
};
