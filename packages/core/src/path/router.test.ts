import { expect, test } from "vitest";
import { agentName, organizationName } from "../ids.ts";
import { partitionOf } from "./router.ts";

test("agents with alike names spread evenly over any number of partitions", () => {
  for (const partitions of [2, 4, 7, 16, 64]) {
    const counts = Array.from({ length: partitions }, () => 0);
    const agents = 500 * partitions;
    for (let n = 0; n < agents; n += 1) {
      const ref = {
        organization: organizationName(`customer-${n % 10}`),
        agent: agentName(`agent-${n}`),
      };
      const partition = partitionOf(ref, partitions);
      expect(partitionOf({ ...ref }, partitions)).toBe(partition);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    // Six standard deviations of a binomial distribution around its mean of 500.
    const spread = 6 * Math.sqrt(500);
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(spread);
  }
});

test("an agent keeps its partition for ever", () => {
  const ref = { organization: organizationName("acme"), agent: agentName("greeter") };
  expect([4, 16, 64].map((partitions) => partitionOf(ref, partitions))).toMatchInlineSnapshot(`
    [
      1,
      1,
      1,
    ]
  `);
});
