import { expect, test } from "vitest";
import { AddressBuckets } from "./token-bucket.ts";

let nowMs = 0;
const clock = {
  now: () => nowMs,
  monotonic: () => nowMs,
  schedule: () => () => undefined,
  soon: () => undefined,
};
const create = (most: number) => new AddressBuckets(clock, { perSecond: 5, burst: 2 }, most);

test("each address has its own bucket, which fills again", () => {
  const buckets = create(10);
  expect([1, 2, 3].map(() => buckets.take("10.0.0.1"))).toEqual([0, 0, 200]);
  expect(buckets.take("10.0.0.2")).toBe(0);
  nowMs += 200;
  expect(buckets.take("10.0.0.1")).toBe(0);
  expect(buckets.take("10.0.0.1")).toBe(200);
  nowMs += 60_000;
  expect([1, 2, 3].map(() => buckets.take("10.0.0.1"))).toEqual([0, 0, 200]);
});

test("when there are too many addresses the one quiet for longest is forgotten", () => {
  const buckets = create(2);
  const use = (address: string) => [1, 2, 3].map(() => buckets.take(address)).at(-1);
  expect(use("a")).toBe(200);
  expect(use("b")).toBe(200);
  expect(buckets.take("a")).toBe(200);
  expect(use("c")).toBe(200);
  expect(buckets.take("a")).toBe(200);
  expect(buckets.take("b")).toBe(0);
});

test.each([
  ["2001:db8:1:2::1", "2001:db8:1:2:9:9:9:9", true],
  ["2001:db8::1", "2001:db8:0:0:7::", true],
  ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
  ["2001:db8::1:2:3:4:5", "2001:db8::2:2:3:4:5", false],
  ["::1", "::2", true],
  ["::ffff:10.0.0.1", "::ffff:10.0.0.2", false],
  ["fe80::1%eth0", "fe80::2%eth0", true],
])("%s and %s share a bucket: %s", (one, other, isShared) => {
  const buckets = create(10);
  for (let count = 0; count < 3; count += 1) buckets.take(one);
  expect(buckets.take(other) > 0).toBe(isShared);
});
