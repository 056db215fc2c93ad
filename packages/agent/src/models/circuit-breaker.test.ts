import { limits } from "@holdfast/core";
import { beforeEach, expect, test } from "vitest";
import { CircuitBreakers } from "./circuit-breaker.ts";
import { ManualClock } from "./testing/manual-clock.ts";

let clock: ManualClock;
let breakers: CircuitBreakers;
beforeEach(() => {
  clock = new ManualClock();
  breakers = new CircuitBreakers(clock);
});

const enter = (key = "k") => breakers.enter(key, "main/model");
const fail = (count: number) => {
  for (let index = 0; index < count; index++) enter().failed("main/model answered 500: no");
};

test("only failures in a row open it", () => {
  fail(limits.modelCircuitFailures - 1);
  enter().succeeded();
  fail(limits.modelCircuitFailures - 1);
  expect(breakers.status()).toMatchObject([{ state: "closed", consecutiveFailures: 4 }]);
  fail(1);
  expect(enter).toThrow(expect.objectContaining({ retryAfterMs: limits.modelCircuitOpenMs }));
  expect(() => enter("other")).not.toThrow();
});

test("one probe at a time; its failure opens again, its first sign of life closes", () => {
  fail(limits.modelCircuitFailures);
  clock.advance(limits.modelCircuitOpenMs);
  expect(breakers.status()).toMatchObject([{ state: "half-open" }]);
  const probe = enter();
  expect(enter).toThrow(/left alone.*answered 500/);
  probe.failed("main/model answered 500: no");
  expect(breakers.status()).toMatchObject([{ state: "open" }]);
  clock.advance(limits.modelCircuitOpenMs);
  enter().abandoned();
  enter().alive();
  expect(breakers.status()).toEqual([]);
});

test("calls from before it opened neither close it nor keep it open longer", () => {
  const early = [enter(), enter()];
  fail(limits.modelCircuitFailures);
  clock.advance(limits.modelCircuitOpenMs / 2);
  early[0]?.failed("main/model answered 500: no");
  early[1]?.succeeded();
  expect(breakers.status()).toMatchObject([
    { state: "open", retryAfterMs: limits.modelCircuitOpenMs / 2 },
  ]);
});

test("remembers a bounded number of providers", () => {
  for (let index = 0; index <= limits.modelCircuits; index++)
    enter(`k${index}`).failed("main/model answered 500: no");
  expect(breakers.status()).toHaveLength(limits.modelCircuits);
});
