import { X509Certificate } from "node:crypto";
import { clusterBucket, HoldfastError, type KeyValue } from "@holdfast/core";
import { createRandomFaults, type Faults } from "@holdfast/engine";
import { createSeededRandom } from "@holdfast/testkit";
import { expect, test, vi } from "vitest";
import { createLeafRequest, openAuthority, watchAuthority } from "../index.ts";
import { createTestCluster, testCluster as cluster, type TestCluster } from "../testing/fixture.ts";
import type { Authority } from "./open-authority.ts";
import type { AuthorityState } from "./authority-state.ts";

const random = createSeededRandom(1);
const node = { kind: "node", cluster, node: "n-1", hosts: ["localhost"] } as const;
const open = (
  on: TestCluster,
  keyValue: KeyValue = on.keyValue,
  id: string | undefined = cluster,
) => openAuthority({ keyValue, clock: on.clock, random, ...(id ? { cluster: id } : {}) });

test("the first node makes the authority; later ones find it", async () => {
  const on = await createTestCluster();
  const first = await open(on);
  expect(await first.state()).toMatchObject({ cluster, phase: "stable", generation: 1 });
  expect(await (await open(on, on.view(), "")).state()).toEqual(await first.state());
  await expect(open(on, on.view(), "hf-other")).rejects.toMatchObject({
    code: "invalid_configuration",
  });
});

test("without a name the cluster gets one", async () => {
  const on = await createTestCluster();
  expect((await (await open(on, on.keyValue, "")).state()).cluster).toMatch(/^hf-[0-9a-z]{16}$/);
});

test("twenty nodes at once end with one authority and one private key", async () => {
  const on = await createTestCluster();
  const opened = await Promise.all(Array.from({ length: 20 }, () => open(on, on.view(), "")));
  const states = await Promise.all(opened.map((each) => each.state()));
  for (const state of states) expect(state).toEqual(states[0]);
  await open(on, on.keyValue, "");
  expect(await on.secrets()).toHaveLength(1);
});

test("a rotation: each phase trusts and signs with the right keys, and the old one is destroyed", async () => {
  const on = await createTestCluster();
  const [here, there] = [await open(on), await open(on, on.view())];
  const old = (await here.state()).active;
  expect(await trustedSigner(there)).toBe(old);
  const { next } = await here.begin();
  expect(await here.bundle()).toHaveLength(2);
  expect(await trustedSigner(there)).toBe(old);
  expect(await there.sign()).toMatchObject({ phase: "signing", active: next, previous: old });
  expect(await trustedSigner(here)).toBe(next);
  expect(await here.retire()).toMatchObject({ phase: "stable", active: next, generation: 4 });
  expect(await here.state()).not.toHaveProperty("previous");
  expect(await trustedSigner(there)).toBe(next);
  const secrets = await on.secrets();
  expect(secrets).toHaveLength(1);
  expect(secrets[0]).toContain(next);
});

test("rolling back before the new key signs takes it away at once", async () => {
  const on = await createTestCluster();
  const authority = await open(on);
  const { active } = await authority.state();
  await authority.begin();
  expect(await authority.rollback()).toMatchObject({ phase: "stable", active, generation: 3 });
  expect(await trustedSigner(authority)).toBe(active);
  expect(await on.secrets()).toHaveLength(1);
});

test("rolling back afterwards keeps trusting the abandoned key until it is retired", async () => {
  const on = await createTestCluster();
  const authority = await open(on);
  const old = (await authority.state()).active;
  const { next = "" } = await authority.begin();
  await authority.sign();
  const reverting = await authority.rollback();
  expect(reverting).toMatchObject({ phase: "reverting", active: old, previous: next });
  expect(reverting.bundle).toHaveLength(2);
  expect(await trustedSigner(authority)).toBe(old);
  for (const refused of ["begin", "sign", "rollback"] as const)
    await expect(authority[refused]()).rejects.toMatchObject({ code: "authority_phase" });
  expect(await authority.retire()).toMatchObject({ phase: "stable", active: old });
  expect((await on.secrets()).join()).not.toContain(`key.${next}`);
});

test("two who begin at once: one does, the other is told the phase", async () => {
  const on = await createTestCluster();
  const [here, there] = [await open(on), await open(on, on.view())];
  const results = await Promise.allSettled([here.begin(), there.begin()]);
  const refused = results.filter((each) => each.status === "rejected");
  expect(refused.map(({ reason }) => reason.code)).toEqual(["authority_phase"]);
  expect(await here.state()).toMatchObject({ phase: "distributing", generation: 2 });
  // The loser's key was based on a revision that is gone: the next change takes it away.
  await here.sign();
  expect(await on.secrets()).toHaveLength(2);
});

test("a certificate for another cluster is refused", async () => {
  const on = await createTestCluster();
  const { csrPem } = await createLeafRequest();
  const subject = { ...node, cluster: "hf-other" };
  await expect((await open(on)).issue({ csrPem, subject })).rejects.toMatchObject({
    code: "certificate_invalid",
  });
});

test.each(["refuse", "lose-request", "storage-full"] as const)(
  "a crash between private and public part leaves nothing half (%s)",
  async (outcome) => {
    const on = await createTestCluster();
    // At the founding, and again at a rotation.
    await expect(open(on, on.view(failWrites(clusterBucket, outcome)))).rejects.toThrow(
      HoldfastError,
    );
    expect(await on.secrets()).toHaveLength(1);
    const healthy = await open(on);
    expect(await on.secrets()).toHaveLength(1);
    const before = await healthy.state();
    expect(await trustedSigner(healthy)).toBe(before.active);
    const failing = await open(on, on.view(failWrites(clusterBucket, outcome)));
    await expect(failing.begin()).rejects.toThrow(HoldfastError);
    expect(await healthy.state()).toEqual(before);
    expect(await on.secrets()).toHaveLength(2);
    const { next } = await healthy.begin();
    expect((await on.secrets()).join()).toContain(`key.${next}`);
    expect(await on.secrets()).toHaveLength(2);
  },
);

test("a node that opens meanwhile does not delete a key that is about to be named", async () => {
  const on = await createTestCluster();
  const meanwhile: KeyValue = {
    ...on.keyValue,
    async update(bucket, key, value, revision) {
      // The private key is stored, the public part not yet.
      if (bucket === clusterBucket && (await on.keyValue.get(bucket, key))) await open(on);
      return on.keyValue.update(bucket, key, value, revision);
    },
  };
  const authority = await open(on, meanwhile);
  for (const step of ["begin", "sign", "retire"] as const) await authority[step]();
  expect(await trustedSigner(authority)).toBe((await authority.state()).active);
});

test("a private key that cannot be stored is never named", async () => {
  const on = await createTestCluster();
  const failing = on.view(failWrites("authority", "refuse"));
  await expect(open(on, failing)).rejects.toMatchObject({ code: "engine_unavailable" });
  expect(await on.keyValue.get(clusterBucket, "authority")).toBeUndefined();
});

test("a step whose acknowledgement is lost is done once and reported as done", async () => {
  const on = await createTestCluster();
  const authority = await open(on, on.view(everyOther("lose-answer")));
  const old = (await authority.state()).active;
  expect(await authority.begin()).toMatchObject({ phase: "distributing", generation: 2 });
  expect(await authority.sign()).toMatchObject({ phase: "signing", generation: 3 });
  expect(await authority.retire()).toMatchObject({ phase: "stable", generation: 4 });
  expect((await authority.state()).active).not.toBe(old);
});

test("with many who change it and a bad network, the state stays whole and every key is there", async () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const on = await createTestCluster();
    const draw = createSeededRandom(seed);
    const rates = { refuse: 0.1, loseRequest: 0.1, loseAnswer: 0.15, latencyMaxMs: 7 };
    await open(on);
    const seen: AuthorityState[] = [];
    const watch = await watchAuthority(on.keyValue, (state) => void seen.push(state), fail);
    const walk = async () => {
      const authority = await retried(() => open(on, on.view(createRandomFaults(draw, rates), 5)));
      for (let count = 0; count < 12; count += 1) {
        const steps = ["begin", "sign", "retire", "rollback"] as const;
        const step = steps[Math.floor(draw.next() * steps.length)] ?? "begin";
        await authority[step]().catch(expected);
        await trustedSigner(authority).catch(expected);
      }
    };
    await Promise.all([walk(), walk(), walk()]);
    const settled = await open(on);
    // Writes whose callers gave up may still arrive, up to `latencyMaxMs` late.
    await vi.waitFor(async () => expect(seen.at(-1)).toEqual(await settled.state()));
    const generations = seen.map(({ generation }) => generation);
    expect(generations).toEqual(generations.toSorted((a, b) => a - b));
    await vi.waitFor(async () => {
      const state = await settled.state();
      expect(await trustedSigner(settled)).toBe(state.active);
      const secrets = (await on.secrets()).join();
      for (const key of [state.active, state.next, state.previous])
        if (key) expect(secrets).toContain(`key.${key}`);
      // A change takes every abandoned key away.
      const last = await settled[wayOn[state.phase]]();
      expect(await on.secrets()).toHaveLength(last.bundle.length);
    });
    await watch.close();
  }
});

const wayOn = {
  stable: "begin",
  distributing: "sign",
  signing: "retire",
  reverting: "retire",
} as const;

test("a node follows the public part, sees no private key, and reports what it cannot read", async () => {
  const on = await createTestCluster();
  const seen: string[] = [];
  const faults: string[] = [];
  const states: AuthorityState[] = [];
  const watch = await watchAuthority(
    on.view(),
    (state) => {
      states.push(state);
      seen.push(`${state.phase} ${state.generation}`);
    },
    ({ code }) => void faults.push(code),
  );
  const authority = await open(on);
  await authority.begin();
  await vi.waitFor(() => expect(seen.at(-1)).toBe("distributing 2"));
  expect(states.at(-1)).toEqual(await authority.state());
  expect(JSON.stringify(states)).not.toContain("PRIVATE");
  await on.keyValue.put(clusterBucket, "authority", Uint8Array.of(7));
  await vi.waitFor(() => expect(faults).toEqual(["data_corrupt"]));
  await on.keyValue.delete(clusterBucket, "authority");
  await vi.waitFor(() => expect(faults).toHaveLength(2));
  expect(seen.at(-1)).toBe("distributing 2");
  await watch.close();
});

/** Who signs now, once it is sure that the certificate is of a key that is trusted. */
async function trustedSigner(authority: Authority): Promise<string> {
  const { csrPem } = await createLeafRequest();
  const issued = await authority.issue({ csrPem, subject: node });
  const [leaf, ca] = [
    new X509Certificate(issued.certificatePem),
    new X509Certificate(issued.authorityPem),
  ];
  expect(leaf.checkIssued(ca) && leaf.verify(ca.publicKey)).toBe(true);
  expect(issued.bundle[0]).toBe(issued.authorityPem);
  return ca.fingerprint256.replaceAll(":", "").toLowerCase();
}

function failWrites(bucket: string, outcome: "refuse" | "lose-request" | "storage-full"): Faults {
  return {
    decide: ({ kind, target }) => ({
      outcome: kind === "write" && target === bucket ? outcome : "ok",
    }),
  };
}

function everyOther(outcome: "lose-answer"): Faults {
  let count = 0;
  return {
    decide: ({ kind }) => ({
      outcome: kind === "write" && (count += 1) % 2 === 1 ? outcome : "ok",
    }),
  };
}

async function retried<T>(run: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run();
    } catch (thrown) {
      expected(thrown);
    }
  }
}

function expected(thrown: unknown): void {
  const codes = [
    "authority_phase",
    "engine_unavailable",
    "append_outcome_unknown",
    "revision_conflict",
  ];
  if (!(thrown instanceof HoldfastError) || !codes.includes(thrown.code)) throw thrown;
}

function fail(error: HoldfastError): void {
  throw error;
}
