import { APICallError } from "@ai-sdk/provider";
import { HoldfastError } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { modelFailure, retryAfter } from "./failures.ts";

const now = Date.parse("2030-01-01T00:00:00Z");
const context = { title: "main/model", secrets: ["sk-1"], now };

test.each([
  [{ "retry-after": "2" }, 2_000],
  [{ "retry-after": "0.5" }, 500],
  [{ "retry-after": "Tue, 01 Jan 2030 00:00:05 GMT" }, 5_000],
  [{ "retry-after": "Mon, 31 Dec 2029 23:00:00 GMT" }, 0],
  [{ "retry-after-ms": "150", "retry-after": "2" }, 150],
  [{ "retry-after": "soon" }, undefined],
  [{ "retry-after": "-1" }, undefined],
  [{ "retry-after": "1e30" }, 24 * 3_600_000],
  [{}, undefined],
])("retryAfter(%j) is %s", (headers, expected) => {
  expect(retryAfter(headers, now)).toBe(expected);
});

describe("modelFailure", () => {
  const call = { url: "http://127.0.0.1/", requestBodyValues: { secret: "conversation" } };

  test("keeps neither the key nor the request", () => {
    const thrown = new APICallError({ ...call, message: "bad key sk-1", statusCode: 401 });
    const failure = modelFailure(thrown, context);
    expect(failure.message).toBe("main/model answered 401: bad key ***");
    expect(failure.cause).toBeUndefined();
  });

  test("says what the network said, and finds our own error inside", () => {
    const reset = new Error("read ECONNRESET");
    const broken = new APICallError({ ...call, message: "Failed", cause: reset, statusCode: 200 });
    expect(modelFailure(broken, context)).toMatchObject({
      code: "model_unavailable",
      message: "main/model broke off: Failed: read ECONNRESET",
    });
    const own = new HoldfastError("model_rejected", "ours");
    const wrapped = new APICallError({ ...call, message: "Failed", cause: own, statusCode: 200 });
    expect(modelFailure(wrapped, context)).toBe(own);
  });

  test.each([
    [{ type: "rate_limit_error", message: "slow down" }, "model_rate_limited"],
    [{ type: "invalid_request_error", message: "no" }, "model_rejected"],
    [{ type: "overloaded_error", message: "busy" }, "model_unavailable"],
    [{ message: "x".repeat(1_000) }, "model_unavailable"],
    ["text", "model_unavailable"],
    [undefined, "model_unavailable"],
  ])("an error inside the stream: %j", (thrown, code) => {
    const failure = modelFailure(thrown, context);
    expect(failure.code).toBe(code);
    expect(failure.message.length).toBeLessThan(400);
  });
});
