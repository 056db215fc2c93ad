import { limits } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import {
  bytes,
  everyByte,
  expectCode,
  type MakeEngine,
  patterned,
  range,
  sameBytes,
  suiteTimeoutMs,
  text,
  uniqueName,
  views,
} from "./harness.ts";

/** Defines the tests that every BlobStore adapter must pass. */
export function blobStoreConformance(name: string, makeEngine: MakeEngine): void {
  describe(`${name}: blob store`, { timeout: suiteTimeoutMs }, () => {
    const { open } = views(makeEngine);

    test("a blob that was never put is not there; deleting it is no error", async () => {
      const { blobStore } = await open();
      const key = uniqueName("blob");
      expect(await blobStore.get(key)).toBeUndefined();
      await blobStore.delete(key);
    });

    const payloads: readonly (readonly [string, Uint8Array])[] = [
      ["an empty blob", new Uint8Array(0)],
      ["a blob of one byte", Uint8Array.of(0)],
      ["a blob of every byte value", everyByte()],
      ["a blob of the engine's payload limit", patterned(limits.enginePayloadBytes)],
      ["a blob of one byte over it", patterned(limits.enginePayloadBytes + 1)],
      ["a blob of 5 MB", patterned(5_000_000)],
    ];
    for (const [title, data] of payloads)
      test(`${title} is found by every view as it went in`, async () => {
        const key = uniqueName("blob");
        const engine = await open();
        const other = await open();
        await engine.blobStore.put(key, data);
        expect(sameBytes(await other.blobStore.get(key), data)).toBe(true);
        expect(sameBytes(await engine.blobStore.get(key), data)).toBe(true);
      });

    test("the longest keys are told apart, whatever their characters", async () => {
      const { blobStore } = await open();
      const [one, other] = ["1", "2"].map((end) => uniqueName("blob").padEnd(999, ".=") + end);
      await blobStore.put(one ?? "", bytes("one"));
      await blobStore.put(other ?? "", bytes("other"));
      expect(text((await blobStore.get(one ?? "")) ?? bytes(""))).toBe("one");
      expect(text((await blobStore.get(other ?? "")) ?? bytes(""))).toBe("other");
    });

    test("putting the same again is no error, also at once and by two views", async () => {
      const key = uniqueName("blob");
      const engine = await open();
      const other = await open();
      const data = patterned(300_000);
      await Promise.all([engine, other, engine].map((view) => view.blobStore.put(key, data)));
      await other.blobStore.put(key, data);
      expect(sameBytes(await engine.blobStore.get(key), data)).toBe(true);
    });

    test("a deleted blob is gone for every view, may be deleted again and put again", async () => {
      const key = uniqueName("blob");
      const engine = await open();
      const other = await open();
      await engine.blobStore.put(key, bytes("one"));
      await other.blobStore.delete(key);
      expect(await engine.blobStore.get(key)).toBeUndefined();
      await engine.blobStore.delete(key);
      await engine.blobStore.put(key, bytes("two"));
      expect(text((await other.blobStore.get(key)) ?? bytes(""))).toBe("two");
    });

    test("many blobs at once do not mix", async () => {
      const prefix = uniqueName("blob");
      const { blobStore } = await open();
      const blobs = range(20).map((index) => ({
        key: `${prefix}.${index}`,
        data: patterned(index * 20_000).fill(index, 0, 10),
      }));
      await Promise.all(blobs.map(({ key, data }) => blobStore.put(key, data)));
      const found = await Promise.all(blobs.map(({ key }) => blobStore.get(key)));
      for (const [index, { data }] of blobs.entries())
        expect(sameBytes(found[index], data), `blob ${index}`).toBe(true);
      await blobStore.delete(`${prefix}.1`);
      expect(await blobStore.get(`${prefix}.1`)).toBeUndefined();
      expect((await blobStore.get(`${prefix}.11`))?.length).toBe(220_000);
    });

    test("what is done to the bytes after the put does not reach the blob", async () => {
      const key = uniqueName("blob");
      const { blobStore } = await open();
      const data = bytes("before");
      await blobStore.put(key, data);
      data.fill(0);
      (await blobStore.get(key))?.fill(0);
      expect(text((await blobStore.get(key)) ?? bytes(""))).toBe("before");
    });

    test("a blob over the limit is refused and not stored", async () => {
      const key = uniqueName("blob");
      const { blobStore } = await open();
      await expectCode(
        blobStore.put(key, new Uint8Array(limits.blobBytes + 1)),
        "payload_too_large",
      );
      expect(await blobStore.get(key)).toBeUndefined();
    });
  });
}
