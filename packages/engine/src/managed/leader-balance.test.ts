import { expect, test } from "vitest";
import { leaderMoves } from "./leader-balance.ts";

function stream(name: string, leader: string | undefined, ...down: string[]) {
  const peers = ["a", "b", "c"].map((each) => ({
    name: each,
    isOnline: !down.includes(each),
    isSilent: false,
    isCurrent: !down.includes(each),
    lag: 0,
  }));
  return { name, replicas: 3, leader, peers };
}

const seven = ["1", "2", "3", "4", "5", "6", "7"];

test("streams that one server leads are shared by all", () => {
  const moves = leaderMoves(seven.map((name) => stream(name, "a")));
  expect(moves.map(({ to }) => to).sort()).toEqual(["b", "b", "c", "c"]);
});

test("what is even stays", () => {
  expect(
    leaderMoves(["a", "b", "c", "a"].map((leader, place) => stream(String(place), leader))),
  ).toEqual([]);
});

test("a server that is away, or a stream without a leader, gets nothing", () => {
  const moves = leaderMoves([
    ...seven.map((name) => stream(name, "a", "c")),
    stream("8", undefined, "a", "b", "c"),
  ]);
  expect(moves.map(({ to }) => to)).toEqual(["b", "b", "b"]);
});
