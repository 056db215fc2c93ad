import type { Channels, DeliveryFailure } from "@holdfast/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

const path = "/api/v1/orgs/demo/failed-deliveries";

let api: TestApi;
let failures: DeliveryFailure[];
beforeEach(async () => {
  failures = [];
  // Nothing else of the channels is asked for here.
  const channels = {
    failures: { list: async () => failures },
    registry: { onChange: () => () => undefined },
  } as unknown as Channels;
  api = await startTestApi({}, undefined, { channels });
});
afterEach(() => api.close());

const failure = (id: string, at: number): DeliveryFailure => ({
  organization: "demo",
  agent: "greeter",
  conversation: "telegram:bot:direct:7",
  id,
  account: "bot",
  chat: "7",
  state: "failed",
  reason: "blocked",
  at,
});
const idsAt = async (query: string) => {
  const { json } = await api.call("GET", path + query);
  return { ids: json.items.map(({ id }: DeliveryFailure) => id), next: json.next };
};

test("failed deliveries are listed by page, the oldest first", async () => {
  failures = [failure("tb", 2_000), failure("tc", 2_000), failure("td", 90_000), failure("ta", 5)];
  const first = await idsAt("?limit=2");
  expect(first.ids).toEqual(["ta", "tb"]);
  const second = await idsAt(`?limit=2&after=${encodeURIComponent(first.next)}`);
  expect(second).toEqual({ ids: ["tc", "td"], next: undefined });
  expect(await idsAt("")).toEqual({ ids: ["ta", "tb", "tc", "td"], next: undefined });
});

test("a page of failed deliveries begins where the last ended, though that one was dealt with", async () => {
  failures = [1, 2, 3, 4].map((at) => failure(`t${at}`, at));
  const { next } = await idsAt("?limit=2");
  failures = failures.filter(({ id }) => id !== "t2");
  const second = await idsAt(`?limit=2&after=${encodeURIComponent(next)}`);
  expect(second).toEqual({ ids: ["t3", "t4"], next: undefined });
});

test("no more failed deliveries come in one answer than a page may hold", async () => {
  failures = Array.from({ length: 1_001 }, (_, at) => failure(`t${at}`, at));
  expect((await idsAt("")).ids).toHaveLength(100);
  expect((await idsAt("?limit=1000")).ids).toHaveLength(1_000);
  for (const limit of ["0", "1001", "abc"]) {
    const { status, json } = await api.call("GET", `${path}?limit=${limit}`);
    expect([status, json.error?.code]).toEqual([400, "invalid_request"]);
  }
});
