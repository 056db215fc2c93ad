import { afterEach, expect, test } from "vitest";
import { type FakeModelServer, startFakeModelServer } from "./fake-model-server.ts";

let server: FakeModelServer;
afterEach(() => server.close());

async function ask(path: string, model = "m"): Promise<string> {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    body: JSON.stringify({ model, stream: true }),
  });
  return response.text();
}

test("plays queued scripts in order, then asks the responder", async () => {
  server = await startFakeModelServer({
    respond: ({ api, body }) => ({ type: "text", chunks: [`${api} ${body.model}`] }),
  });
  server.next({ type: "text", chunks: ["first"] }, { type: "status", status: 500 });
  expect(await ask("/chat/completions")).toMatch(/first[\s\S]*\[DONE\]/);
  expect(await ask("/chat/completions")).toContain("fake error 500");
  expect(await ask("/messages", "x")).toMatch(/anthropic x[\s\S]*message_stop/);
  expect(server.requests.map((request) => request.api)).toEqual(["openai", "openai", "anthropic"]);
});

test("paces all answers with one timer and counts those at once", async () => {
  server = await startFakeModelServer({
    tokensPerSecond: 1_000,
    recordedRequests: 0,
    respond: () => ({ type: "tokens", count: 50 }),
  });
  const startedAt = performance.now();
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask("/chat/completions")));
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(49);
  expect(answers.every((answer) => answer.split('"content":" word"').length === 50)).toBe(true);
  expect(server.counts).toMatchObject({ total: 20, active: 0 });
  expect(server.counts.maxActive).toBeGreaterThan(1);
  expect(server.requests).toEqual([]);
});

test("counts answers that the client gave up", async () => {
  server = await startFakeModelServer();
  server.next({ type: "hang" });
  const abort = new AbortController();
  const body = JSON.stringify({ model: "m" });
  const init = { method: "POST", body, signal: abort.signal };
  const answer = fetch(`${server.url}/chat/completions`, init);
  await server.received(1);
  abort.abort();
  await expect(answer).rejects.toThrow();
  await server.untilAbandoned(1);
});
