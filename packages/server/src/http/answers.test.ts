import { afterAll, beforeAll, expect, test } from "vitest";
import type { z } from "zod";
import * as schemas from "./schemas.ts";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

/** Answers are not checked while the node runs: here they are, against what /openapi.json promises. */
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const org = "/api/v1/orgs/demo";
const messages = `${org}/agents/greeter/conversations/c1/messages`;
const wait = { prefer: "wait=5" };
const agent = { kind: "Agent", organization: "demo", name: "a", model: "default" };

const cases: [string, string, z.ZodType, { body?: unknown; headers?: Record<string, string> }?][] =
  [
    ["GET", "/readyz", schemas.readiness],
    ["GET", "/api/v1/orgs", schemas.pageOf(schemas.organization)],
    ["GET", org, schemas.organization],
    ["PUT", `${org}/agents/a`, schemas.appliedResource, { body: { model: "default" } }],
    ["PUT", `${org}/agents/a`, schemas.appliedResource, { body: { model: "demo/x" } }],
    ["GET", `${org}/agents`, schemas.pageOf(schemas.agent)],
    ["GET", `${org}/agents/a`, schemas.agent],
    ["GET", `${org}/providers`, schemas.pageOf(schemas.provider)],
    ["POST", "/api/v1/apply", schemas.applyResults, { body: { resources: [agent] } }],
    ["POST", `${org}/tokens`, schemas.createdToken, { body: { name: "t", requestsPerSecond: 5 } }],
    ["POST", "/api/v1/tokens", schemas.createdToken, { body: { name: "t" } }],
    ["GET", `${org}/tokens`, schemas.pageOf(schemas.tokenInfo)],
    ["GET", "/api/v1/tokens", schemas.pageOf(schemas.tokenInfo)],
    ["POST", messages, schemas.accepted, { body: { text: "hi" } }],
    ["POST", messages, schemas.answer, { body: { text: "hi" }, headers: wait }],
    ["GET", messages, schemas.historyPage],
    ["GET", `${org}/dead-letters`, schemas.pageOf(schemas.deadLetter)],
  ];

test.each(cases)("%s %s answers as promised", async (method, path, schema, options) => {
  const answer = await api.call(method, path, options);
  expect(answer.status).toBeLessThan(300);
  // Parsing drops what the schema does not know: nothing may be missing and nothing too much.
  expect(schema.parse(answer.json)).toEqual(answer.json);
});
