import { randomBytes } from "node:crypto";
import { systemClock as clock } from "../system-clock.ts";
import { expect, test } from "vitest";
import { advertise, announcedInterfaces, browse, judge } from "./mdns.ts";

const options = {
  clock,
  interfaces: ["127.0.0.1"],
  report: (error: Error) => expect.unreachable(error.message),
};
const fingerprint = "ab".repeat(32);

function clusterName(): string {
  return `hf-${randomBytes(8).toString("hex")}`;
}

test("a node hears those of its cluster over real multicast, and names strangers", async () => {
  const cluster = clusterName();
  const other = clusterName();
  const version = "0.1.0";
  const port = 7411;
  const say = (name: string, its: { cluster: string; fingerprint: string }, at: number) =>
    advertise(name, { ...its, version, url: `https://127.0.0.1:${at}` }, options);
  const advertisements = [
    say("n1", { cluster, fingerprint }, port),
    say("n2", { cluster, fingerprint }, port + 1),
    say("n3", { cluster: other, fingerprint }, port + 2),
    say("n4", { cluster, fingerprint: "cd".repeat(32) }, port + 3),
  ];
  try {
    const { urls, strangers } = await browse({ cluster, fingerprint }, options);
    expect(urls.toSorted()).toEqual([`https://127.0.0.1:${port}`, `https://127.0.0.1:${port + 1}`]);
    expect(strangers.some((each) => each.includes(other))).toBe(true);
    expect(strangers.some((each) => /n4.*another certificate authority/.test(each))).toBe(true);
  } finally {
    await Promise.all(advertisements.map((each) => each.close()));
  }
});

test("silence ends after a bounded time", async () => {
  const started = performance.now();
  const found = await browse({ cluster: clusterName(), fingerprint }, options);
  expect(found.urls).toEqual([]);
  expect(performance.now() - started).toBeLessThan(4_500);
});

test("nodes on loopback are announced only when asked for, others unless told not to", () => {
  expect(announcedInterfaces("127.0.0.1", undefined)).toEqual([]);
  expect(announcedInterfaces("127.0.0.1", "on")).toEqual(["127.0.0.1"]);
  expect(announcedInterfaces("0.0.0.0", "off")).toEqual([]);
  expect(announcedInterfaces("0.0.0.0", undefined)).not.toContain("127.0.0.1");
});

test.each([
  ["no text", undefined],
  ["plain http elsewhere", { cluster: "hf-a", fingerprint, url: "http://10.0.0.1:7400" }],
  ["plain http on loopback", { cluster: "hf-a", fingerprint, url: "http://127.0.0.1:7400" }],
  ["no address", { cluster: "hf-a", fingerprint, url: "javascript:alert(1)" }],
  ["no fingerprint", { cluster: "hf-a", url: "https://10.0.0.1" }],
  ["values of other types", { cluster: ["hf-a"], fingerprint, url: 7 }],
])("%s makes a stranger", (_name, txt) => {
  expect(judge({ name: "x", txt }, { cluster: "hf-a", fingerprint })).toHaveProperty("stranger");
});
