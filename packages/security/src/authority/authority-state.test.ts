import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { type AuthorityKey, createAuthorityKey } from "../certificates/authority-key.ts";
import { createTestClock, testCluster as cluster } from "../testing/fixture.ts";
import {
  afterStep,
  type AuthorityState,
  decodeState,
  encodeState,
  firstState,
} from "./authority-state.ts";

let keys: AuthorityKey[] = [];

beforeAll(async () => {
  const clock = createTestClock();
  keys = await Promise.all(Array.from({ length: 8 }, () => createAuthorityKey(cluster, clock)));
});

const step = fc.constantFrom("begin", "sign", "retire", "rollback");

test("whatever steps are taken, nobody loses trust in a key that may have signed", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let count = 0;
      const fresh = () => keys[(count += 1) % keys.length] as AuthorityKey;
      let state = firstState(cluster, fresh());
      /** Keys of which certificates may be in use: until a retirement, all that ever signed. */
      let signed = new Set([state.active]);
      for (const each of steps) {
        const before = state;
        try {
          state = afterStep(state, each, each === "begin" ? fresh() : undefined);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: "authority_phase" });
          continue;
        }
        if (each === "retire") signed = new Set([state.active]);
        signed.add(state.active);
        const trusted = namesIn(state);
        for (const key of signed) expect(trusted).toContain(key);
        expect(trusted[0]).toBe(state.active);
        // A key signs only after a whole generation in which it was trusted already.
        expect(namesIn(before)).toContain(state.active);
        expect(state.generation).toBe(before.generation + 1);
        expect(decodeState(encodeState(state, "change"))).toEqual(state);
      }
    }),
  );
});

test("from every phase there is a way back to stable", () => {
  const [a, b] = keys as [AuthorityKey, AuthorityKey];
  const stable = firstState(cluster, a);
  const distributing = afterStep(stable, "begin", b);
  const signing = afterStep(distributing, "sign");
  const reverting = afterStep(signing, "rollback");
  expect([distributing.active, signing.active, reverting.active]).toEqual(
    [a, b, a].map(({ fingerprint }) => fingerprint),
  );
  expect(afterStep(distributing, "rollback")).toMatchObject({
    phase: "stable",
    bundle: [a.certificatePem],
  });
  expect(afterStep(signing, "retire")).toMatchObject({
    phase: "stable",
    bundle: [b.certificatePem],
  });
  expect(afterStep(reverting, "retire")).toMatchObject({
    phase: "stable",
    bundle: [a.certificatePem],
  });
});

test("a refusal names the phase and what is possible", () => {
  const state = firstState(cluster, keys[0] as AuthorityKey);
  expect(() => afterStep(state, "sign")).toThrow(
    "The authority is stable: it can begin now, not sign.",
  );
});

test("a state that contradicts itself is corrupt", () => {
  const [a, b] = keys as [AuthorityKey, AuthorityKey];
  const sound = afterStep(firstState(cluster, a), "begin", b);
  const wrong: unknown[] = [
    null,
    7,
    { ...sound, bundle: [] },
    { ...sound, bundle: [b.certificatePem, a.certificatePem] },
    { ...sound, bundle: ["x", "y"] },
    { ...sound, bundle: 3 },
    { ...sound, phase: "stable" },
    { ...sound, phase: "toString" },
    { ...sound, active: b.fingerprint },
    { ...sound, generation: "2" },
    { ...sound, cluster: undefined },
  ];
  for (const each of wrong) {
    const bytes = new TextEncoder().encode(
      JSON.stringify(typeof each === "object" && each ? { version: 1, ...each } : each),
    );
    expect(() => decodeState(bytes)).toThrow(expect.objectContaining({ code: "data_corrupt" }));
  }
  expect(() => decodeState(Uint8Array.of(1))).toThrow(
    expect.objectContaining({ code: "data_corrupt" }),
  );
  expect(decodeState(encodeState(sound, "x"))).toEqual(sound);
});

function namesIn({ active, next, previous }: AuthorityState): string[] {
  return [active, next, previous].filter((key) => key !== undefined);
}
