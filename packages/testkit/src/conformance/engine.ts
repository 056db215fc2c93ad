import { describe, expect, test } from "vitest";
import {
  bytes,
  collect,
  collector,
  expectCode,
  type MakeEngine,
  range,
  suiteTimeoutMs,
  text,
  uniqueName,
  views,
} from "./harness.ts";

/** Defines the tests of provisioning and closing that every Engine must pass. */
export function engineConformance(name: string, makeEngine: MakeEngine): void {
  describe(`${name}: engine`, { timeout: suiteTimeoutMs }, () => {
    const { open, withLog, withBucket } = views(makeEngine);

    test("provisioning again, also at once and by two views, changes nothing", async () => {
      const engine = await open();
      const other = await open();
      const plan = {
        logs: range(3).map(() => uniqueName("log")),
        buckets: range(2).map(() => uniqueName("bucket")),
      };
      await Promise.all([engine, other, engine].map((view) => view.provision(plan)));
      const [log = "", bucket = ""] = [plan.logs[0], plan.buckets[0]];
      await engine.messageLog.append(log, bytes("kept"));
      await engine.keyValue.put(bucket, "a", bytes("kept"));
      await other.provision({ logs: [...plan.logs, uniqueName("log")], buckets: plan.buckets });
      expect((await collect(other.messageLog.read(log, 1))).length).toBe(1);
      expect(text((await other.keyValue.get(bucket, "a"))?.value ?? bytes(""))).toBe("kept");
    });

    test("an impossible name cannot be provisioned", async () => {
      const engine = await open();
      for (const name of ["", "a.b", "a b", "a*", ">", "a/b"]) {
        await expectCode(engine.provision({ logs: [name], buckets: [] }), "invalid_request");
        await expectCode(engine.provision({ logs: [], buckets: [name] }), "invalid_request");
      }
    });

    test("data outlives the view that wrote it", async () => {
      const { engine, log } = await withLog();
      const { bucket } = await withBucket();
      const key = uniqueName("blob");
      await engine.messageLog.append(log, bytes("kept"));
      const revision = await engine.keyValue.put(bucket, "a", bytes("kept"));
      await engine.blobStore.put(key, bytes("kept"));
      await engine.close();
      const next = await open();
      expect((await next.messageLog.bounds(log)).last).toBe(1);
      expect((await next.keyValue.get(bucket, "a"))?.revision).toBe(revision);
      expect(text((await next.blobStore.get(key)) ?? bytes(""))).toBe("kept");
      expect(await next.messageLog.append(log, bytes("next"), { expectedLast: 1 })).toBe(2);
    });

    test("a closed view refuses every operation; closing again is no error", async () => {
      const { engine, log } = await withLog();
      const { bucket } = await withBucket();
      await engine.close();
      await engine.close();
      const operations = [
        engine.messageLog.append(log, bytes("x")),
        engine.messageLog.bounds(log),
        engine.messageLog.truncate(log, 1),
        collect(engine.messageLog.read(log, 1)),
        engine.messageLog.follow(log, 1, () => {}),
        engine.keyValue.get(bucket, "a"),
        engine.keyValue.put(bucket, "a", bytes("x")),
        collect(engine.keyValue.list(bucket, "")),
        engine.keyValue.watch(bucket, "", () => {}),
        engine.blobStore.put("a", bytes("x")),
        engine.blobStore.get("a"),
        engine.provision({ logs: [log], buckets: [] }),
      ];
      for (const operation of operations.map((promise) => promise.catch((error) => error)))
        expect(await operation).toMatchObject({ code: "engine_unavailable" });
    });

    test("closing ends the view's own followers and watches alone", async () => {
      const { engine, log } = await withLog();
      const { engine: other, bucket } = await withBucket();
      const closed = collector<unknown>();
      const goingOn = collector<{ sequence: number }>();
      await engine.messageLog.follow(log, 1, closed.add);
      await engine.keyValue.watch(bucket, "", closed.add);
      const subject = uniqueName("bus");
      engine.bus.subscribe(subject, closed.add);
      await other.messageLog.follow(log, 1, goingOn.add);
      await engine.close();
      await other.keyValue.put(bucket, "a", bytes("x"));
      other.bus.publish(subject, bytes("x"));
      for (const name of ["a", "b"]) await other.messageLog.append(log, bytes(name));
      await goingOn.until("two records", (items) => items.length === 2);
      expect(closed.items).toEqual([]);
    });
  });
}
