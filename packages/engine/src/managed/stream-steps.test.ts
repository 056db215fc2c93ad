import { HoldfastError } from "@holdfast/core";
import { expect, test } from "vitest";
import type { NatsClient } from "../nats/nats-client.ts";
import { moveLeader } from "./stream-steps.ts";

interface Elections {
  /** Who leads after a leader was asked to make room. */
  readonly next: (preferred: string) => string | undefined;
  /** Errors of the server's answers. */
  readonly fail?: () => Error | undefined;
}

/** Answers for the stream `s` of three servers, as nats-server does. */
function createClient({ next, fail }: Elections) {
  let leader: string | undefined = "a";
  const asked: string[] = [];
  const api = async (endpoint: string, request: { placement?: { preferred: string } }) => {
    const failure = fail?.();
    if (failure) throw failure;
    if (endpoint === "STREAM.LEADER.STEPDOWN.s") {
      const preferred = request.placement?.preferred ?? "";
      asked.push(preferred);
      leader = next(preferred);
      return {};
    }
    const replicas = ["a", "b", "c"].filter((name) => name !== leader);
    return {
      config: { num_replicas: 3 },
      cluster: { leader, replicas: replicas.map((name) => ({ name, current: true })) },
    };
  };
  return { client: { api } as unknown as NatsClient, asked };
}

test("a leader that makes room is asked once", async () => {
  const { client, asked } = createClient({ next: (preferred) => preferred });
  expect(await moveLeader(client, "s", "b", undefined)).toBe(true);
  expect(asked).toEqual(["b"]);
});

test("a server that loses its elections is given up, and the stream is left in peace", async () => {
  const { client, asked } = createClient({ next: () => "c" });
  const before = performance.now();
  expect(await moveLeader(client, "s", "b", undefined)).toBe(false);
  expect(performance.now() - before).toBeLessThan(20_000);
  expect(asked.length).toBeLessThanOrEqual(5);
});

test("so is one whose stream elects for long, or of which nothing is heard", async () => {
  const electing = createClient({ next: () => undefined });
  const silent = createClient({
    next: () => "a",
    fail: () => new HoldfastError("engine_unavailable", "no answer"),
  });
  const moves = [electing, silent].map(({ client }) => moveLeader(client, "s", "b", undefined));
  expect(await Promise.all(moves)).toEqual([false, false]);
  expect(electing.asked).toEqual(["b"]);
});

test("a stream that the server has no part in stays where it is", async () => {
  const { client, asked } = createClient({ next: (preferred) => preferred });
  expect(await moveLeader(client, "s", "x", undefined)).toBe(true);
  expect(asked).toEqual([]);
});
