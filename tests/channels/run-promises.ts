/**
 * Holds channels to their promises under faults, with a node killed; each channel's line is JSON.
 *
 *   node tests/channels/run-promises.ts [--channels telegram,slack] [--messages 10000] [--chats 200] [--seed 1]
 *     [--faults 0.05] [--kill-after 5000] [--no-kill]
 *
 * The account's owner is the node that is killed, in the middle unless said otherwise.
 */
import { parseArgs } from "node:util";
import { ChannelCluster } from "./channel-cluster.ts";
import { accountResource, contestants, startFake } from "./contestants.ts";
import { holdToPromises } from "./promises.ts";

const { values } = parseArgs({
  options: {
    channels: { type: "string" },
    messages: { type: "string", default: "10000" },
    chats: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    faults: { type: "string", default: "0.05" },
    kill: { type: "boolean", default: true },
    "kill-after": { type: "string" },
  },
  allowNegative: true,
});
const messages = Number(values.messages);
const killAfter = Number(values["kill-after"] ?? Math.floor(messages / 2));
const share = Number(values.faults);
const wanted = values.channels?.split(",");
const chosen = contestants.filter(({ account }) => !wanted || wanted.includes(account));
let broken = 0;
for (const contestant of chosen) {
  const fake = await startFake(contestant, Number(values.seed));
  const { settings, env } = fake.account(contestant.mode);
  const cluster = await ChannelCluster.start({ ...env });
  try {
    await cluster.apply([
      { kind: "Organization", name: "acme" },
      { kind: "Agent", organization: "acme", name: "echo", model: "demo/echo" },
      accountResource(contestant, settings),
    ]);
    const result = await holdToPromises(cluster, {
      fake,
      account: contestant.account,
      messages,
      chats: Number(values.chats),
      faults: {
        tooMany: share,
        serverError: share,
        lostAnswer: share,
        duplicate: share,
        reordered: share,
        dropped: share,
        slow: share,
      },
      ...(values.kill && { kill: { after: killAfter } }),
      inFlight: 500,
      patienceMs: 60_000,
    });
    const { lost, doubled, reordered, violations } = result;
    const isBroken = [lost, doubled, reordered, violations].some((each) => each.length > 0);
    if (isBroken) broken += 1;
    const first = (list: readonly string[]) => ({ count: list.length, first: list.slice(0, 5) });
    console.log(
      JSON.stringify({
        account: contestant.account,
        ...result,
        lost: first(lost),
        doubled: first(doubled),
        reordered: first(reordered),
        violations: first(violations),
      }),
    );
    if (isBroken)
      for (const { name } of cluster.file.nodes) console.error(cluster.log(name, 1_500));
  } finally {
    await cluster.close();
    await fake.close();
  }
}
process.exitCode = broken === 0 ? 0 : 1;
