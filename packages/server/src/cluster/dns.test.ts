import { createSeededRandom } from "@holdfast/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { findByDns, sortServices } from "./dns.ts";
import { type Answer, type DnsServer, startDnsServer } from "./testing/dns-server.ts";

const random = createSeededRandom(1);
const service = "SRV _holdfast._tcp.cluster.test";
let server: DnsServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function find(zone: Record<string, Answer>): Promise<string[]> {
  server = await startDnsServer(zone);
  return findByDns("cluster.test", { random, servers: [server.address] });
}

describe("nodes found by DNS", () => {
  test("are those of the SRV records, by priority, with the addresses of their names", async () => {
    const urls = await find({
      [service]: [{ srv: [20, 0, 7402, "b.test"] }, { srv: [10, 0, 7401, "a.test"] }],
      "A a.test": [{ ip: "10.0.0.1" }],
      "AAAA a.test": [{ ip: "2001:db8:0:0:0:0:0:1" }],
      "A b.test": [{ ip: "10.0.0.2" }],
    });
    expect(urls).toEqual([
      "https://10.0.0.1:7401",
      "https://[2001:db8::1]:7401",
      "https://10.0.0.2:7402",
    ]);
  });

  test("keep their names where the server does not know an address", async () => {
    const urls = await find({ [service]: [{ srv: [10, 0, 7401, "node.elsewhere.test"] }] });
    expect(urls).toEqual(["https://node.elsewhere.test:7401"]);
  });

  test("are the name's own addresses where there is no SRV record", async () => {
    const urls = await find({
      "A cluster.test": [{ ip: "127.0.0.9" }, { ip: "10.0.0.1" }],
    });
    expect(urls.toSorted()).toEqual(["https://10.0.0.1:7400", "https://127.0.0.9:7400"]);
  });

  test("are at most as many as the limit allows", async () => {
    const many = Array.from({ length: 20 }, (_, index) => ({ ip: `10.0.0.${index + 1}` }));
    const urls = await find({
      [service]: [{ srv: [1, 1, 7400, "a.test"] }, { srv: [2, 1, 7400, "b.test"] }],
      "A a.test": many,
      "A b.test": many.map(({ ip }) => ({ ip: ip.replace("10.", "11.") })),
    });
    expect(urls).toHaveLength(32);
  });
});

describe("DNS answers that lead nowhere say what came", () => {
  const garbage = Buffer.from("ffffffffffffffffffff00ff", "hex");
  test.each<[string, Record<string, Answer>, RegExp]>([
    ["nothing", {}, /knows neither SRV records of _holdfast\._tcp\.cluster\.test nor addresses/],
    ["no service", { [service]: [{ srv: [0, 0, 0, ""] }] }, /the service is not offered/],
    ["port 0", { [service]: [{ srv: [0, 0, 0, "a.test"] }] }, /"a\.test" has port 0/],
    [
      "no host name",
      { [service]: [{ srv: [0, 0, 7400, "<script>.test"] }] },
      /lead to no node|failed with|no DNS answer/,
    ],
    [
      "unspecified address",
      { "A cluster.test": [{ ip: "0.0.0.0" }] },
      /"0\.0\.0\.0" is the address/,
    ],
    ["multicast address", { "A cluster.test": [{ ip: "224.0.0.251" }] }, /"224\.0\.0\.251"/],
    ["SERVFAIL", { [service]: "servfail", "A cluster.test": "servfail" }, /SERVFAIL/],
    ["REFUSED", { [service]: "refused" }, /the server refused/],
    [
      "garbage",
      { [service]: garbage, "A cluster.test": garbage },
      /did not|no DNS answer|did not answer/,
    ],
  ])("%s", async (_name, zone, expected) => {
    await expect(find(zone)).rejects.toMatchObject({
      code: "discovery_failed",
      message: expect.stringMatching(expected),
    });
  });

  test("a server that is silent is waited for a bounded time", async () => {
    const all = {
      [service]: "silence",
      "A cluster.test": "silence",
      "AAAA cluster.test": "silence",
    };
    const started = performance.now();
    await expect(find(all as Record<string, Answer>)).rejects.toMatchObject({
      code: "discovery_failed",
      message: expect.stringContaining("did not answer in time"),
    });
    expect(performance.now() - started).toBeLessThan(8_000);
  });

  test("what is no address of a DNS server is refused", async () => {
    await expect(findByDns("a.test", { random, servers: ["nonsense"] })).rejects.toMatchObject({
      code: "invalid_configuration",
    });
  });
});

test("records of one priority are drawn by their weights", () => {
  const records = [
    { priority: 1, weight: 90, port: 1, name: "heavy.test" },
    { priority: 1, weight: 10, port: 2, name: "light.test" },
    { priority: 1, weight: 0, port: 3, name: "none.test" },
  ];
  let first = 0;
  for (let round = 0; round < 1_000; round += 1) {
    if (sortServices(records, random).usable[0]?.port === 1) first += 1;
  }
  expect(first).toBeGreaterThan(850);
  expect(first).toBeLessThan(950);
});
