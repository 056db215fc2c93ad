import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NodeId } from "../ids.ts";
import { type AccountNode, placeAccounts, type PlacedAccount } from "./place-accounts.ts";

const node = (name: string, more: Partial<AccountNode> = {}): AccountNode => ({
  node: name as NodeId,
  zone: "",
  capacity: 1,
  ...more,
});

const account = (
  key: string,
  owner?: string,
  more: Partial<PlacedAccount> = {},
): PlacedAccount => ({
  key,
  region: undefined,
  agentNode: undefined,
  assignment: owner === undefined ? undefined : { node: owner as NodeId, epoch: 1 },
  ...more,
});

const nobody = new Set<NodeId>();

describe("accounts", () => {
  test("go where there are fewest, all of them, whatever the nodes have", () => {
    fc.assert(
      fc.property(fc.nat(60), fc.integer({ min: 1, max: 6 }), (count, nodes) => {
        const all = Array.from({ length: nodes }, (_, number) => node(`n${number}`));
        const accounts = Array.from({ length: count }, (_, number) => account(`a${number}`));
        const moves = placeAccounts(accounts, all, nobody, false);
        expect(moves.map(({ key }) => key)).toEqual(accounts.map(({ key }) => key));
        const counts = all.map((each) => moves.filter(({ to }) => to === each.node).length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("stay where they are while their node lives, or may live", () => {
    const accounts = [account("a", "n1"), account("b", "gone"), account("c", "silent")];
    const moves = placeAccounts(
      accounts,
      [node("n1"), node("n2")],
      new Set(["silent" as NodeId]),
      false,
    );
    expect(moves).toEqual([{ key: "b", to: "n2" }]);
  });

  test("prefer their region, then the node of their agent", () => {
    const nodes = [node("n1"), node("n2", { zone: "eu" }), node("n3")];
    const accounts = [
      account("a", undefined, { region: "eu" }),
      account("b", undefined, { region: "eu" }),
      account("c", undefined, { agentNode: "n3" as NodeId }),
    ];
    expect(placeAccounts(accounts, nodes, nobody, false).map(({ to }) => to)).toEqual([
      "n2",
      "n2",
      "n3",
    ]);
  });

  test("are levelled one at a time, and then rest", () => {
    const nodes = [node("n1"), node("n2")];
    let accounts = ["a", "b", "c", "d"].map((key) => account(key, "n1"));
    let moved = 0;
    for (let round = 0; round < 10; round += 1) {
      const moves = placeAccounts(accounts, nodes, nobody, true);
      expect(moves.length).toBeLessThanOrEqual(1);
      moved += moves.length;
      accounts = accounts.map((each) =>
        moves[0]?.key === each.key ? account(each.key, moves[0].to) : each,
      );
    }
    expect(moved).toBe(2);
  });
});
