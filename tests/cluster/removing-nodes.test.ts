import type { NodeId, NodeRecord } from "@holdfast/core";
import { expect, test } from "vitest";
import { createClusterWorld, type ClusterNode } from "./cluster-fixture.ts";

const engine = { host: "10.0.0.1", clientPort: 7422, routePort: 7423 };

/** Two living nodes with engines, and members that never came up. */
async function startWith(ghosts: readonly string[]) {
  const world = createClusterWorld();
  const [n1, n2] = (await world.startAll("n1", "n2")) as [ClusterNode, ClusterNode];
  const { membership, admin } = n1.path;
  const write = (name: string, from: NodeRecord | undefined) =>
    world.run(
      membership.update(name as NodeId, (record) => {
        const like = record ?? from;
        return like && { ...like, node: name as NodeId, engine };
      }),
    );
  for (const name of ["n1", "n2"]) await write(name, undefined);
  for (const name of ghosts) await write(name, membership.get("n1"));
  await world.after(1_000);
  const remove = (names: readonly string[], inEngine?: readonly string[]) =>
    world.run(
      admin.remove(names, { force: false, ...(inEngine && { inEngine: async () => inEngine }) }),
    );
  const names = () => membership.nodes.map(({ node }) => node as string);
  return { world, n2, remove, names };
}

test("nodes that never came so far that their engines took part can be removed, whatever their number", async () => {
  const { world, remove, names } = await startWith(["g1", "g2", "g3"]);
  await expect(remove(["g1", "g2", "g3"])).rejects.toMatchObject({ code: "store_quorum_at_risk" });
  await remove(["g1", "g2", "g3"], ["n1", "n2"]);
  await world.after(1_000);
  expect(names()).toEqual(["n1", "n2"]);
});

test("a dead store node whose engine is missed is kept, and one of three may go", async () => {
  const { world, n2, remove, names } = await startWith(["n3"]);
  await remove(["n3"], ["n1", "n2", "n3"]);
  await world.after(1_000);
  expect(names()).toEqual(["n1", "n2"]);
  await world.kill(n2);
  await world.after(5_000);
  await expect(remove(["n2"], ["n1", "n2"])).rejects.toMatchObject({
    code: "store_quorum_at_risk",
  });
});

test("who asks again after a lost answer, or when some are out already, gets the rest done", async () => {
  const { world, remove, names } = await startWith(["g1", "g2"]);
  await remove(["g1"], ["n1", "n2"]);
  await world.after(1_000);
  await remove(["g1", "g2"], ["n1", "n2"]);
  await world.after(1_000);
  expect(names()).toEqual(["n1", "n2"]);
  await remove(["g1", "g2"], ["n1", "n2"]);
  await expect(remove(["nobody"])).rejects.toMatchObject({ code: "node_not_found" });
});
