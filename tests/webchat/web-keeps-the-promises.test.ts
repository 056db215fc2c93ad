import { expect, it } from "vitest";
import { startFakeWeb } from "../../packages/testkit/src/platforms/web/index.ts";
import { ChannelCluster } from "../channels/channel-cluster.ts";
import { holdToPromises } from "../channels/promises.ts";

const account = "pages";
const share = 0.05;

it("nothing that visitors write or are answered is lost, doubled or reordered while lines break and a node dies", async () => {
  const fake = await startFakeWeb({ seed: 7 });
  const { settings, env } = fake.account("socket");
  const cluster = await ChannelCluster.start({ ...env });
  try {
    await cluster.apply([
      { kind: "Organization", name: "acme" },
      { kind: "Agent", organization: "acme", name: "echo", model: "demo/echo" },
      {
        kind: "Account",
        organization: "acme",
        name: account,
        channel: "web",
        settings,
        agent: "echo",
        access: { direct: "open" },
      },
    ]);
    const result = await holdToPromises(cluster, {
      fake,
      account,
      messages: 400,
      chats: 40,
      faults: { duplicate: share, dropped: share, lostAnswer: share },
      kill: "n2",
      inFlight: 100,
      patienceMs: 30_000,
    });
    expect(result).toMatchObject({
      lost: [],
      doubled: [],
      reordered: [],
      violations: [],
      flagged: 0,
      shown: 400,
    });
    expect(result.faults["dropped"]).toBeGreaterThan(0);
    expect(result.faults["lostAnswer"]).toBeGreaterThan(0);
  } finally {
    await fake.close();
    await cluster.close();
  }
});
