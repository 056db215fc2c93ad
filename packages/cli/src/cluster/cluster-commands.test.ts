import { type FakeNode, startFakeNode } from "@holdfast/sdk/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startCli } from "../testing/run-cli.ts";
import { runHere } from "../testing/run-here.ts";

let node: FakeNode;
let env: Record<string, string>;
beforeEach(async () => {
  node = await startFakeNode();
  env = { HOLDFAST_URL: node.url, HOLDFAST_TOKEN: node.token };
});
afterEach(() => node.close());

const cli = (...words: string[]) => runHere(words, env);
const words = (text: string) => text.replace(/ +/g, " ");

function kill(name: string): void {
  const { cluster } = node.state;
  cluster.nodes = cluster.nodes.map((each) =>
    each.node === name ? { ...each, presence: "dead", silentMs: 75_000 } : each,
  );
}

describe("what there is", () => {
  it("lists nodes and partitions, and shows one of them", async () => {
    const nodes = words((await cli("get", "nodes")).stdout).split("\n");
    expect(nodes[0]).toBe("NODE ROLE ZONE STATE PRESENCE PARTITIONS VERSION ADDRESS");
    expect(nodes[1]).toBe(
      "n-1 store, coordinator zone-1 active alive 2 0.1.0 https://10.0.0.1:7400",
    );
    const partitions = words((await cli("get", "partitions")).stdout).split("\n");
    expect(partitions.slice(0, 2)).toEqual([
      "PARTITION OWNER EPOCH OPEN LAG CONVERSATIONS IN FLIGHT TURNS/S",
      " 0 n-1 1 yes 2 3 1 4.5",
    ]);
    const one = await cli("get", "node", "n-2", "--json");
    expect(JSON.parse(one.stdout)).toMatchObject({ node: "n-2", ownedPartitions: 1 });
    expect((await cli("get", "partition", "9")).stderr).toContain("numbered 0 to 3");
    expect((await cli("get", "node", "n-9")).stderr).toContain("error[node_not_found]");
    expect(await cli("delete", "node", "n-1")).toMatchObject({ code: 2 });
    expect(await cli("get", "agents", "--watch")).toMatchObject({ code: 2 });
  });

  it("prints the whole cluster once in a pipe, without the old load of a silent node", async () => {
    kill("n-2");
    const { code, stdout, stderr } = await cli("top");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toContain("\u001b");
    const lines = words(stdout).split("\n");
    expect(lines[0]).toContain(
      "2 of 3 nodes alive 4 of 4 partitions open 18.0 turns/s 4 in flight",
    );
    expect(lines).toContain("n-1 store* active alive 13% 300 MiB 1.3 ms 12.5 7 2 4 zone-1");
    expect(lines).toContain("n-2 store active dead 75 s - - - - - 1 2 zone-2");
    const json = JSON.parse((await cli("top", "--json")).stdout) as { nodes: unknown[] };
    expect(json.nodes).toHaveLength(3);
  });

  it("prints in a pipe what changes, until Ctrl-C", async () => {
    const watching = startCli(["get", "nodes", "--watch"], env);
    await watching.printed("n-3");
    kill("n-2");
    await watching.printed("dead");
    watching.child.kill("SIGINT");
    const { code, stdout } = await watching.finished;
    expect(code).toBe(0);
    expect(stdout.split("NODE ")).toHaveLength(3);
  });
});

describe("nodes that leave", () => {
  it("drains, waits until the partitions are elsewhere, and gives work again", async () => {
    const begun = await cli("drain", "n-1");
    expect(begun.stdout).toContain("n-1 gives its 2 partitions away.");
    expect(node.state.cluster.nodes[0]).toMatchObject({ state: "draining" });
    const { code, stdout, stderr } = await cli("drain", "n-1", "--wait");
    expect(code).toBe(0);
    expect(stderr).toMatch(/^\d of 2 partitions moved away\n|^1 of 1 partitions moved away\n/);
    expect(stdout).toBe("n-1 is drained: its partitions are at n-2. It may be stopped now.\n");
    expect(await cli("activate", "n-1")).toMatchObject({ code: 0 });
    expect(node.state.cluster.nodes[0]).toMatchObject({ state: "active" });
    expect((await cli("drain", "n-9")).stderr).toContain("error[node_not_found]");
  });

  it("gives 1 when the partitions have not moved in time", async () => {
    node.state.cluster.stuck.add("n-1");
    const late = await cli("drain", "n-1", "--wait", "--timeout", "0.2", "--json");
    expect(late.code).toBe(1);
    expect(late.stderr).toContain("n-1 still has 2 partitions.");
    expect(JSON.parse(late.stdout)).toMatchObject({ state: "draining", partitions: [0, 3] });
    expect(await cli("drain", "n-1", "--wait", "--timeout", "soon")).toMatchObject({ code: 2 });
  });

  it("says what a removal means, and needs force for a node that is alive", async () => {
    const refused = await cli("remove", "n-1", "n-2", "--yes");
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("n-1 is alive: it is cut off at once");
    expect(refused.stderr).toContain("1 of 3 store nodes would work, 2 are needed");
    expect(refused.stderr).toContain("error[node_alive]");
    const unknown = await cli("remove", "n-9", "--yes");
    expect(unknown.stderr).toContain("- n-9 is no member: it is out already, or never was one.\n");
    expect(unknown.stderr).toContain("error[node_not_found]");
    expect(node.state.cluster.nodes).toHaveLength(3);
    const forced = await cli("remove", "n-1", "n-2", "--force", "--yes");
    expect(forced).toMatchObject({ code: 0, stdout: "n-1 removed\nn-2 removed\n" });
  });

  it("removes nothing in a pipe that does not say yes", async () => {
    const remove = (input: string, ...more: string[]) =>
      runHere(["remove", "n-3", "--force", ...more], env, input);
    expect(await remove("n\n")).toMatchObject({ code: 1, stdout: "" });
    for (const more of [[], ["--json"]]) {
      const unanswered = await remove("", ...more);
      expect(unanswered).toMatchObject({ code: 2, stdout: "" });
      expect(unanswered.stderr).toContain("--yes");
    }
    expect(node.state.cluster.nodes).toHaveLength(3);
    const { code, stdout } = await remove("y\n", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ removed: ["n-3"] });
  });
});

describe("a dead store node", () => {
  it("is replaced: first the plan with reasons, then each step of the work", async () => {
    kill("n-2");
    const { code, stdout, stderr } = await cli("replace", "n-2", "--yes");
    expect(code).toBe(0);
    const lines = stdout.split("\n");
    expect(lines[0]).toContain("1. The 9 replicas of n-2 are made anew on n-3");
    expect(lines[1]).toContain("   Why: One copy less is left");
    expect(lines.at(-2)).toBe("n-2 is replaced.");
    expect(stderr.split("\n").slice(0, 2)).toEqual([
      "copying: the replicas of n-2 are made anew (HF_LOG_0)",
      "copying: 1 of 3 streams are done (HF_LOG_1)",
    ]);
  });

  it("is refused while it lives, and tells why the work failed", async () => {
    expect((await cli("replace", "n-2")).stderr).toContain("error[node_alive]");
    kill("n-2");
    node.state.cluster.operationFails = true;
    const failed = await cli("replace", "n-2");
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(
      "error[store_quorum_at_risk]: The replacement of n-2 failed: Stream HF_LOG_1 has no majority.",
    );
  });
});

describe("the authority", () => {
  it("rotates step by step as the nodes follow, and then tells both ways on", async () => {
    expect((await cli("authority", "status")).stdout).toContain("stable, generation 1");
    const { code, stdout, stderr } = await cli("authority", "rotate");
    expect(code).toBe(0);
    expect(stderr).toContain("generation 2: waiting for n-1, n-2 and n-3\n");
    expect(stderr).toContain("generation 3: waiting for n-3\n");
    expect(stdout).toContain("signing, generation 3");
    expect(stdout).toContain("`holdfast authority retire`");
    expect(stdout).toContain("`holdfast authority rollback`");
    const back = await cli("authority", "rollback", "--json");
    expect(JSON.parse(back.stdout)).toMatchObject({ phase: "reverting", generation: 4 });
    expect((await cli("authority", "retire")).stderr).toContain("error[authority_unconfirmed]");
  });

  it("goes on where it was left, and gives 1 when a node does not follow", async () => {
    node.state.cluster.stuck.add("n-3");
    const late = await cli("authority", "rotate", "--timeout", "0.1");
    expect(late.code).toBe(1);
    expect(late.stderr).toContain("did not follow in time. Nothing is broken");
    expect(node.state.cluster.authority.phase).toBe("distributing");
    node.state.cluster.stuck.clear();
    expect(await cli("authority", "rotate", "--json")).toMatchObject({ code: 0 });
    expect(node.state.cluster.authority.phase).toBe("signing");
  });

  it("pauses before the new key signs, so that clients elsewhere can learn it", async () => {
    const paused = await cli("authority", "rotate", "--pause", "--json");
    expect(JSON.parse(paused.stdout)).toMatchObject({ phase: "distributing", generation: 2 });
    expect((await cli("authority", "bundle")).stdout).toBe("-----BEGIN CERTIFICATE-----\n");
    expect(await cli("authority", "rotate")).toMatchObject({ code: 0 });
    expect(node.state.cluster.authority.phase).toBe("signing");
  });

  it("warns before it drops a key that an absent node may still need", async () => {
    await cli("authority", "rotate");
    kill("n-2");
    node.state.cluster.confirmed.set("n-2", 1);
    const retired = await cli("authority", "retire");
    expect(retired.stderr).toContain("n-2, which is away, may hold certificates of the key");
    expect(retired).toMatchObject({ code: 0 });
  });
});
