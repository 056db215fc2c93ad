import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MetadataCopy } from "./metadata-copy.ts";
import { TestCluster } from "./testing/test-cluster.ts";

let cluster: TestCluster;
let folder = "";

beforeEach(async () => {
  cluster = await TestCluster.create();
  folder = mkdtempSync(join(tmpdir(), "holdfast-metadata-"));
});

afterEach(async () => {
  await cluster.close();
  rmSync(folder, { recursive: true });
});

const metadataOf = (store: string) => join(store, "jetstream", "SYS", "_js_", "_meta_");

/** As nats-server lays it out. */
function writeMetadata(store: string): string {
  const metadata = metadataOf(store);
  mkdirSync(join(metadata, "msgs"), { recursive: true });
  mkdirSync(join(metadata, "snapshots"));
  for (const file of ["meta.inf", "tav.idx", "peers.idx", "msgs/1.blk", "snapshots/snap.1.1"]) {
    writeFileSync(join(metadata, file), `old ${file}`);
  }
  return metadata;
}

test("servers that deleted their metadata on a full disk find every stream at their next start", async () => {
  const first = await cluster.start("n1");
  await first.provision({ logs: ["l"], buckets: [] });
  await first.messageLog.append("l", Uint8Array.of(7));
  const stores = ["data", "witness"].map((role) => join(cluster.home("n1"), role));
  for (const store of stores) {
    await expect.poll(() => existsSync(`${store}.metadata`), { timeout: 10_000 }).toBe(true);
  }
  await cluster.stop("n1");
  for (const store of stores) rmSync(metadataOf(store), { recursive: true });
  const again = await cluster.start("n1");
  const read = async () => {
    const values: number[] = [];
    for await (const { data } of again.messageLog.read("l", 1)) values.push(data[0] ?? -1);
    return values;
  };
  await expect.poll(() => read().catch(() => []), { timeout: 20_000 }).toEqual([7]);
});

test("metadata that is half deleted does not replace the copy of the whole", () => {
  const store = join(folder, "data");
  const metadata = writeMetadata(store);
  const copy = new MetadataCopy(store);
  copy.refresh();
  rmSync(join(metadata, "msgs"), { recursive: true });
  copy.refresh();
  rmSync(metadata, { recursive: true });
  copy.refresh();
  expect(copy.restore()).toBe(true);
  expect(readFileSync(join(metadata, "msgs/1.blk"), "utf8")).toBe("old msgs/1.blk");
  expect(readFileSync(join(metadata, "tav.idx"), "utf8")).toBe("old tav.idx");
});

test("the copy has what was appended and what was replaced since", () => {
  const store = join(folder, "data");
  const metadata = writeMetadata(store);
  const copy = new MetadataCopy(store);
  copy.refresh();
  writeFileSync(join(metadata, "msgs/1.blk"), " and more", { flag: "a" });
  rmSync(join(metadata, "tav.idx"));
  writeFileSync(join(metadata, "tav.idx"), "new");
  copy.refresh();
  expect(copy.restore()).toBe(false);
  rmSync(metadata, { recursive: true });
  expect(copy.restore()).toBe(true);
  expect(readFileSync(join(metadata, "msgs/1.blk"), "utf8")).toBe("old msgs/1.blk and more");
  expect(readFileSync(join(metadata, "tav.idx"), "utf8")).toBe("new");
});
