import { createHmac } from "node:crypto";
import { limits } from "@holdfast/core";
import { createRandomFaults, type Faults } from "@holdfast/engine";
import { createSeededRandom } from "@holdfast/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  createJoinTokens,
  isProvenAnswer,
  type JoinProof,
  parseJoinToken,
  proveJoin,
} from "./index.ts";
import { createTestCluster, testCluster as cluster, type TestCluster } from "./testing/fixture.ts";

const random = createSeededRandom(2);
const spec = { cluster, fingerprint: "ab".repeat(32), urls: ["https://10.0.0.1:7400"] };
const store = { role: "store" } as const;
const compute = { role: "compute" } as const;

const nodeOn = (on: TestCluster, faults?: Faults, timeoutMs?: number) =>
  createJoinTokens({ keyValue: on.view(faults, timeoutMs), random, clock: on.clock });

test("a token carries what the joining side needs, and only its hash is stored", async () => {
  const on = await createTestCluster();
  const { token, id } = await nodeOn(on).create(spec);
  expect(token).toMatch(/^hfj_[A-Za-z0-9_-]+$/);
  const parsed = parseJoinToken(` ${token}\n`);
  expect(parsed).toMatchObject({ ...spec, id });
  expect(Buffer.from(parsed.secret).length).toBeGreaterThan(32);
  const stored = (await on.secrets()).join();
  expect(stored).toContain(`join.${id}`);
  expect(stored).not.toContain(parsed.secret);
});

test("a token lets one node in, on any store node", async () => {
  const on = await createTestCluster();
  const { token, id } = await nodeOn(on).create(spec);
  expect(await nodeOn(on).redeem(proofOf(token), compute)).toEqual({ id, cluster });
  await expect(nodeOn(on).redeem(proofOf(token), compute)).rejects.toMatchObject({
    code: "join_token_used",
  });
  expect(await nodeOn(on).list()).toMatchObject([{ id, state: "used" }]);
});

test("of a hundred nodes at once exactly one gets in", async () => {
  const on = await createTestCluster();
  const { token } = await nodeOn(on).create(spec);
  const tries = Array.from({ length: 100 }, () => nodeOn(on).redeem(proofOf(token), compute));
  const results = await Promise.allSettled(tries);
  const refused = results.filter((each) => each.status === "rejected");
  expect(refused).toHaveLength(99);
  for (const { reason } of refused) expect(reason).toMatchObject({ code: "join_token_used" });
});

test("with a bad network it is one at most, and none is refused for its own write", async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const on = await createTestCluster();
    const { token } = await createJoinTokens({
      keyValue: on.keyValue,
      random,
      clock: on.clock,
    }).create(spec);
    const draw = createSeededRandom(seed);
    const rates = { refuse: 0.1, loseRequest: 0.1, loseAnswer: 0.3, latencyMaxMs: 7 };
    const tries = Array.from({ length: 8 }, () =>
      nodeOn(on, createRandomFaults(draw, rates), 5).redeem(proofOf(token), compute),
    );
    const results = await Promise.allSettled(tries);
    const codes = results.map((each) => (each.status === "rejected" ? each.reason.code : "in"));
    expect(codes.filter((code) => code === "in").length).toBeLessThanOrEqual(1);
    // Everybody was told that it is used: then somebody was let in, or does not know it.
    const isLost = codes.some((code) => code === "in" || code === "append_outcome_unknown");
    if (codes.includes("join_token_used")) expect(isLost).toBe(true);
  }
});

test("a lost acknowledgement is no refusal", async () => {
  const on = await createTestCluster();
  const { token, id } = await nodeOn(on).create(spec);
  let writes = 0;
  const loseFirst: Faults = {
    decide: ({ kind }) => ({
      outcome: kind === "write" && (writes += 1) === 1 ? "lose-answer" : "ok",
    }),
  };
  expect(await nodeOn(on, loseFirst).redeem(proofOf(token), compute)).toEqual({ id, cluster });
  await expect(nodeOn(on).redeem(proofOf(token), compute)).rejects.toMatchObject({
    code: "join_token_used",
  });
});

test("with its claim a node gets in again, nobody else does", async () => {
  const on = await createTestCluster();
  const { token, id } = await nodeOn(on).create(spec);
  const claim = "sha-256 of its key";
  for (let count = 0; count < 3; count += 1)
    expect(await nodeOn(on).redeem(proofOf(token), { ...compute, claim })).toEqual({ id, cluster });
  for (const other of [compute, { ...compute, claim: "another" }])
    await expect(nodeOn(on).redeem(proofOf(token), other)).rejects.toMatchObject({
      code: "join_token_used",
    });
  on.clock.jump(limits.joinTokenLifetimeMs);
  await expect(nodeOn(on).redeem(proofOf(token), { ...compute, claim })).rejects.toMatchObject({
    code: "join_token_expired",
  });
});

test("a token ends after ten minutes, and is cleaned up by the next", async () => {
  const on = await createTestCluster();
  const { token, expiresAt } = await nodeOn(on).create(spec);
  expect(Math.abs(expiresAt - on.clock.now() - 10 * 60_000)).toBeLessThan(5_000);
  on.clock.jump(expiresAt - on.clock.now() - 5_000);
  expect(await nodeOn(on).list()).toMatchObject([{ state: "open" }]);
  on.clock.jump(5_000);
  expect(await nodeOn(on).list()).toMatchObject([{ state: "expired" }]);
  await expect(nodeOn(on).redeem(proofOf(token), compute)).rejects.toMatchObject({
    code: "join_token_expired",
  });
  const next = await nodeOn(on).create(spec);
  expect((await nodeOn(on).list()).map(({ id }) => id)).toEqual([next.id]);
  await expect(nodeOn(on).redeem(proofOf(token), compute)).rejects.toMatchObject({
    code: "join_token_invalid",
  });
});

test("a token for a role lets in that role; another try does not use it up", async () => {
  const on = await createTestCluster();
  const { token } = await nodeOn(on).create({ ...spec, ...compute });
  await expect(nodeOn(on).redeem(proofOf(token), store)).rejects.toMatchObject({
    code: "join_token_role",
  });
  await nodeOn(on).redeem(proofOf(token), compute);
  for (const joining of [store, compute])
    await nodeOn(on).redeem(proofOf((await nodeOn(on).create(spec)).token), joining);
});

test("a wrong secret, an unknown id and a revoked token look alike", async () => {
  const on = await createTestCluster();
  const tokens = nodeOn(on);
  const { token, id } = await tokens.create(spec);
  const other = await tokens.create(spec);
  const mixed = retold(token, { s: parseJoinToken(other.token).secret });
  const unknown = retold(token, { i: "0".repeat(16) });
  await tokens.revoke(id);
  const messages = new Set<string>();
  for (const each of [mixed, unknown, token, retold(other.token, { s: "0".repeat(50) })]) {
    const refused = await tokens.redeem(proofOf(each), compute).catch((thrown) => thrown);
    expect(refused).toMatchObject({ code: "join_token_invalid" });
    messages.add(refused.message);
  }
  expect(messages.size).toBe(1);
  for (const gone of [id, "../x", "key.abc"])
    await expect(tokens.revoke(gone)).rejects.toMatchObject({ code: "token_not_found" });
  await tokens.redeem(proofOf(other.token), compute);
});

test("there are only so many, and room comes with time", async () => {
  const on = await createTestCluster();
  const tokens = createJoinTokens({ keyValue: on.keyValue, random, clock: on.clock });
  const record = { cluster, hash: "00", createdAt: on.clock.now() };
  const expiresAt = on.clock.now() + 60_000;
  for (let count = 0; count < limits.joinTokens; count += 1) {
    const value = new TextEncoder().encode(JSON.stringify({ ...record, expiresAt }));
    await on.keyValue.put("authority", `join.${String(count).padStart(16, "0")}`, value);
  }
  const refused = await tokens.create(spec).catch((thrown) => thrown);
  expect(refused).toMatchObject({ code: "node_busy" });
  expect(refused.retryAfterMs).toBeGreaterThan(0);
  expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000);
  on.clock.jump(60_000);
  await tokens.create(spec);
  expect(await tokens.list()).toHaveLength(1);
});

test("an unreadable record lets nobody in and disturbs nobody", async () => {
  const on = await createTestCluster();
  const { token, id } = await nodeOn(on).create(spec);
  for (const broken of ["{", "null", '{"hash":7}']) {
    await on.keyValue.put("authority", `join.${id}`, new TextEncoder().encode(broken));
    await expect(nodeOn(on).redeem(proofOf(token), compute)).rejects.toMatchObject({
      code: "join_token_invalid",
    });
  }
  expect(await nodeOn(on).list()).toEqual([]);
});

test.each([
  ["no address", { urls: [] }],
  ["an address without TLS", { urls: ["http://10.0.0.1"] }],
  ["an address with a password", { urls: ["https://user:secret@a"] }],
  ["many addresses", { urls: Array.from({ length: limits.joinTokenUrls + 1 }, () => "https://a") }],
  ["a long address", { urls: [`https://a/${"a".repeat(limits.joinTokenChars)}`] }],
  ["a fingerprint in capitals", { fingerprint: "AB".repeat(32) }],
  ["a cluster that is no name", { cluster: "a/b" }],
])("no token is made with %s", async (_what, wrong) => {
  const on = await createTestCluster();
  await expect(nodeOn(on).create({ ...spec, ...wrong })).rejects.toMatchObject({
    code: "invalid_request",
  });
  expect(await on.secrets()).toEqual([]);
});

test("a text that is no join token is refused with what is wrong with it", async () => {
  const on = await createTestCluster();
  const { token } = await nodeOn(on).create(spec);
  for (const [text, why] of [
    ["", "begins with hfj_"],
    [`hf_${"a".repeat(40)}`, "token of the API"],
    ["hfj_", "cut or changed"],
    [token.slice(0, -20), "cut or changed"],
    [token.replace("A", "*"), "cut or changed"],
    [`${token}${"A".repeat(limits.joinTokenChars)}`, "cut or changed"],
    [retold(token, { v: 2 }), "another version"],
    [retold(token, { i: "../../key" }), "id is malformed"],
    [retold(token, { u: ["http://a"] }), "https://"],
    [retold(token, { u: "https://a" }), "0 addresses"],
    [retold(token, { f: 7 }), "fingerprint"],
  ] as const) {
    const refused = () => parseJoinToken(text);
    expect(refused).toThrow(expect.objectContaining({ code: "join_token_invalid" }));
    expect(refused).toThrow(why);
  }
});

test("any text gives a token or that error", async () => {
  const on = await createTestCluster();
  const { token } = await nodeOn(on).create(spec);
  const text = fc.oneof(
    fc.string().map((rest) => `hfj_${rest}`),
    fc.json().map((json) => `hfj_${Buffer.from(json).toString("base64url")}`),
    fc
      .tuple(fc.nat(token.length - 1), fc.string({ maxLength: 3 }))
      .map(([at, inserted]) => token.slice(0, at) + inserted + token.slice(at + 1)),
  );
  fc.assert(
    fc.property(text, (each) => {
      try {
        expect(parseJoinToken(each).cluster).toMatch(/^[a-z0-9-]+$/);
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: "join_token_invalid" });
      }
    }),
    { numRuns: 1_000 },
  );
});

test("a proof is of one message and one token, and of a request only", async () => {
  const on = await createTestCluster();
  const { token, id } = await nodeOn(on).create({ ...spec, ...compute });
  const proof = proofOf(token, "let n2 in");
  const known = await nodeOn(on).authenticate(proof);
  expect(known.role).toBe("compute");
  const other = proofOf((await nodeOn(on).create(spec)).token, "let n2 in");
  const parsed = parseJoinToken(token);
  const answer = known.prove("let n2 in");
  for (const wrong of [
    { ...proof, message: "let n3 in" },
    { ...proof, mac: other.mac },
    { ...proof, mac: answer },
    { ...proof, mac: "" },
    { ...proof, mac: proof.mac.toUpperCase() },
    { ...proof, id: "../key" },
    { ...proof, id: other.id },
  ]) {
    const invalid = { code: "join_token_invalid" };
    await expect(nodeOn(on).authenticate(wrong)).rejects.toMatchObject(invalid);
    await expect(nodeOn(on).redeem(wrong, compute)).rejects.toMatchObject(invalid);
  }
  expect(isProvenAnswer(parsed, proof.mac, "let n2 in", answer)).toBe(true);
  expect(isProvenAnswer(parsed, proof.mac, "let n3 in", answer)).toBe(false);
  expect(isProvenAnswer(parsed, other.mac, "let n2 in", answer)).toBe(false);
  expect(isProvenAnswer(parsed, proof.mac, "let n2 in", proof.mac)).toBe(false);
  // To authenticate uses nothing up; a used token is still known.
  expect(await nodeOn(on).redeem(proof, compute)).toEqual({ id, cluster });
  await nodeOn(on).authenticate(proof);
});

test("a damaged hash is no key that anybody can guess", async () => {
  const on = await createTestCluster();
  const { token, id } = await nodeOn(on).create(spec);
  const entry = await on.keyValue.get("authority", `join.${id}`);
  const record = JSON.parse(new TextDecoder().decode(entry?.value));
  const value = new TextEncoder().encode(JSON.stringify({ ...record, hash: "" }));
  await on.keyValue.put("authority", `join.${id}`, value);
  const mac = createHmac("sha256", "").update("holdfast join request\nm").digest("hex");
  for (const proof of [proofOf(token), { id, message: "m", mac }])
    await expect(nodeOn(on).redeem(proof, compute)).rejects.toMatchObject({
      code: "join_token_invalid",
    });
});

function proofOf(token: string, message = "a request"): JoinProof {
  const parsed = parseJoinToken(token);
  return { id: parsed.id, message, mac: proveJoin(parsed, message) };
}

/** The token with other fields. */
function retold(token: string, fields: Record<string, unknown>): string {
  const json = JSON.parse(Buffer.from(token.slice(4), "base64url").toString());
  return `hfj_${Buffer.from(JSON.stringify({ ...json, ...fields })).toString("base64url")}`;
}
