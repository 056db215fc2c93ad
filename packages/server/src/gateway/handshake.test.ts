import { generateKeyPairSync, hash, sign } from "node:crypto";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gatewayLimits } from "./limits.ts";
import {
  connectParams,
  openClient,
  startTestGateway,
  TestClient,
  type TestGateway,
} from "./testing/test-gateway.ts";

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await startTestGateway({ timing: { tickMs: 60, handshakeMs: 2_000 } });
});

afterEach(() => gateway.close());

async function begin(options: { autoPong?: boolean } = {}): Promise<TestClient> {
  const client = new TestClient(gateway.url, options);
  await once(client.socket, "open");
  await client.event("connect.challenge");
  return client;
}

describe("connect", () => {
  it("is answered with what the server can do", async () => {
    const client = await begin();
    const { ok, payload } = await client.call("connect", connectParams(gateway.demo));
    expect(ok).toBe(true);
    expect(payload).toMatchObject({
      type: "hello-ok",
      protocol: 4,
      server: { version: "1.2.3", connId: expect.any(String) },
      auth: { role: "operator", scopes: ["operator.read", "operator.write"] },
      policy: { maxPayload: gatewayLimits.frameBytes, tickIntervalMs: 60 },
      snapshot: { health: { ok: true }, stateVersion: { presence: 0, health: 0 } },
    });
    expect(payload.features.methods).toContain("chat.send");
    await client.close();
  });

  it("names an administrator an agent of one of several organizations as it can be asked for", async () => {
    const client = await begin();
    const { payload } = await client.call("connect", connectParams(gateway.admin));
    expect(payload.snapshot.sessionDefaults).toMatchObject({
      defaultAgentId: "demo_greeter",
      mainSessionKey: "agent:demo_greeter:main",
      selectionRequired: true,
    });
    await client.close();
  });

  it("is not kept out by those who open many connections and show no token", async () => {
    const limits = gatewayLimits as { strangers: number };
    const { strangers } = limits;
    limits.strangers = 2;
    try {
      const [first, second] = [await begin(), await begin()];
      const cut = once(first.socket, "close");
      const client = await begin();
      await cut;
      expect((await client.call("connect", connectParams(gateway.demo))).ok).toBe(true);
      await Promise.all([client.close(), second.close()]);
    } finally {
      limits.strangers = strangers;
    }
  });

  it.each([
    ["no token", undefined, "AUTH_TOKEN_MISSING"],
    ["a wrong token", `hf_${"a".repeat(40)}`, "AUTH_TOKEN_MISMATCH"],
    ["a token of another kind", "hfj_nonsense", "AUTH_TOKEN_MISMATCH"],
  ])("with %s is refused and closed", async (_, token, code) => {
    const client = await begin();
    const { ok, error } = await client.call("connect", connectParams(token));
    expect(ok).toBe(false);
    expect(error).toMatchObject({ code: "INVALID_REQUEST", details: { code } });
    expect(error.message).not.toContain("hf_a");
    expect((await client.closed).code).toBe(1008);
  });

  it("takes the token as a password, too", async () => {
    const client = await begin();
    const params = connectParams(undefined, { auth: { password: gateway.demo } });
    expect((await client.call("connect", params)).ok).toBe(true);
    await client.close();
  });

  it("of another protocol is refused, but a probe may be of the one before", async () => {
    const client = await begin();
    const range = { minProtocol: 2, maxProtocol: 3 };
    const { error } = await client.call("connect", connectParams(gateway.demo, range));
    expect(error.details).toMatchObject({ code: "PROTOCOL_MISMATCH", expectedProtocol: 4 });
    expect((await client.closed).code).toBe(1002);
    const probe = { id: "openclaw-probe", version: "1", platform: "linux", mode: "probe" };
    const second = await openClient(gateway.url, gateway.demo, { ...range, client: probe });
    await second.close();
  });

  it.each([
    ["another method", { type: "req", id: "1", method: "health" }],
    ["no request", { type: "event", event: "x" }],
    ["a worker", { type: "req", id: "1", method: "connect", params: { role: "node" } }],
    ["no JSON", "{oops"],
    ["no object", "7"],
  ])("must come first: %s is closed", async (_, frame) => {
    const client = await begin();
    client.send(frame);
    expect((await client.closed).code).toBe(1008);
  });

  it("must come in time", async () => {
    const hasty = await startTestGateway({ timing: { handshakeMs: 20 } });
    const client = new TestClient(hasty.url);
    expect(await client.closed).toMatchObject({ code: 1008, reason: "handshake timeout" });
    await hasty.close();
  });

  it("must be small: who has no token cannot send a large frame", async () => {
    const client = await begin();
    client.send({ type: "req", id: "1", method: "connect", params: { x: "y".repeat(70 * 1024) } });
    expect((await client.closed).code).toBe(1006);
  });

  it("refuses binary frames", async () => {
    const client = await begin();
    client.socket.send(Buffer.from("{}"), { binary: true });
    expect((await client.closed).code).toBe(1003);
  });
});

describe("a device's proof", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const id = hash("sha256", raw, "hex");

  async function proof(change: object = {}, version: "v2" | "v3" = "v3") {
    const client = await begin();
    const { nonce, ts } = await client.event("connect.challenge");
    const scopes = "operator.read,operator.write";
    const parts = [version, id, "cli", "cli", "operator", scopes, ts, gateway.demo, nonce];
    if (version === "v3") parts.push("linux", "");
    const signature = sign(null, Buffer.from(parts.join("|")), privateKey).toString("base64url");
    const publicText = raw.toString("base64url");
    const device = { id, publicKey: publicText, signature, signedAt: ts, nonce, ...change };
    const answer = await client.call("connect", connectParams(gateway.demo, { device }));
    await client.close();
    return answer;
  }

  it.each(["v2", "v3"] as const)("is taken when it is right: %s", async (version) => {
    expect((await proof({}, version)).ok).toBe(true);
  });

  it.each([
    ["DEVICE_AUTH_NONCE_MISMATCH", { nonce: "another" }],
    ["DEVICE_AUTH_DEVICE_ID_MISMATCH", { id: "0".repeat(64) }],
    ["DEVICE_AUTH_SIGNATURE_INVALID", { signature: "AAAA" }],
    ["DEVICE_AUTH_SIGNATURE_EXPIRED", { signedAt: 1 }],
    ["DEVICE_AUTH_PUBLIC_KEY_INVALID", { publicKey: "AAAA" }],
  ])("is refused when it is false: %s", async (code, change) => {
    expect((await proof(change)).error.details).toEqual({ code });
  });
});

describe("a connection", () => {
  it("hears of the gateway, and is cut when it says nothing itself", async () => {
    const lively = await openClient(gateway.url, gateway.demo);
    expect((await lively.event("tick")).ts).toBeTypeOf("number");
    const client = await begin({ autoPong: false });
    await client.call("connect", connectParams(gateway.demo));
    expect(await client.closed).toMatchObject({ code: 4000 });
    expect(lively.socket.readyState).toBe(lively.socket.OPEN);
    await lively.close();
  });

  it("ends when its token is revoked", async () => {
    const client = await openClient(gateway.url, gateway.demo);
    const [record] = gateway.tokens.list("demo");
    await gateway.tokens.revoke("demo", record?.id ?? "");
    expect(await client.closed).toMatchObject({ code: 1008, reason: "token revoked" });
  });

  it("is told when the node stops", async () => {
    const client = await openClient(gateway.url, gateway.demo);
    await gateway.close();
    expect(await client.event("shutdown")).toEqual({ reason: "node stops" });
    expect((await client.closed).code).toBe(1012);
  });

  it("is cut when it does not take what it asked for", async () => {
    const small = await startTestGateway({ timing: { bufferedBytes: 1 } });
    const text = "x".repeat(5_000_000);
    small.conversations.answer = () => ({ text });
    const client = await openClient(small.url, small.demo);
    client.socket.pause();
    for (let count = 0; count < 8; count += 1) {
      const key = `k${count}`;
      const params = { agentId: "greeter", message: "hi", idempotencyKey: key };
      client.send({ type: "req", id: key, method: "agent", params });
    }
    await expect.poll(() => client.socket.readyState === client.socket.OPEN).toBe(true);
    client.socket.resume();
    expect((await client.closed).code).toBe(1006);
    await small.close();
  });

  it("gets an answer to every bad request, and stays", async () => {
    const client = await openClient(gateway.url, gateway.demo);
    const unknown = await client.call("no.such.method");
    expect(unknown.error).toEqual({
      code: "INVALID_REQUEST",
      message: "unknown method: no.such.method",
    });
    const bad = await client.call("chat.send", { sessionKey: 7 });
    expect(bad.error.message).toMatch(/^invalid chat\.send params: sessionKey/);
    client.send({ type: "req", id: "x", method: 7 });
    const frame = await client.until(({ id }) => id === "x");
    expect(frame.error.message).toMatch(/invalid request frame/);
    expect((await client.call("health")).ok).toBe(true);
    client.send("{oops");
    expect((await client.closed).code).toBe(1008);
  });

  it.each([
    ["a NUL", "a\0b", "invalid_text"],
    ["a lone surrogate", "a\ud800b", "invalid_text"],
    ["a forbidden name", JSON.parse('{"__proto__":1}') as unknown, "invalid_request"],
  ])("is told which request held %s, and stays", async (_, message, holdfastCode) => {
    const client = await openClient(gateway.url, gateway.demo);
    const open = client.call("agent.wait", { runId: "none", timeoutMs: 50 });
    const params = { sessionKey: "agent:greeter:main", message, idempotencyKey: "k" };
    const { ok, error } = await client.call("chat.send", params);
    expect(ok).toBe(false);
    expect(error).toMatchObject({ code: "INVALID_REQUEST", details: { holdfastCode } });
    expect((await open).ok).toBe(true);
    await client.close();
  });

  it("gets no more than the scopes that it asked for", async () => {
    const client = await openClient(gateway.url, gateway.demo, { scopes: ["operator.read"] });
    const params = { sessionKey: "agent:greeter:main", message: "hi", idempotencyKey: "k" };
    expect((await client.call("chat.send", params)).error).toMatchObject({
      code: "FORBIDDEN",
      details: { code: "MISSING_SCOPE", missingScope: "operator.write" },
    });
    await client.close();
  });
});

it("a default port that is taken is only told of; a chosen one is an error", async () => {
  const number = gateway.port ?? 0;
  const other = await startTestGateway({ port: { number, isChosen: false } });
  expect(other.port).toBeUndefined();
  expect(other.warnings.join()).toContain("HOLDFAST_GATEWAY_PORT");
  await other.close();
  const chosen = startTestGateway({ port: { number, isChosen: true } });
  await expect(chosen).rejects.toMatchObject({ code: "port_taken" });
});

it("says over HTTP what it is", async () => {
  const response = await fetch(gateway.url.replace("ws", "http"));
  expect(response.status).toBe(426);
});
